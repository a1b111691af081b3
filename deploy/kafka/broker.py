"""Starts, stops and kills one Apache Kafka broker on loopback, with ports and data of its own.

Tests and `make kafka` use the same class. It decides nothing about topics. A broker that was stopped
or killed can be started again on the same ports with the same data. Run as a program it serves until
interrupted: `python -m deploy.kafka.broker [--data DIRECTORY] [--port PORT]`.
"""

import argparse
import base64
import contextlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO, NoReturn

from deploy.kafka.jars import classes, jars
from deploy.kafka.properties import properties

# Whoever starts it is a thread, to setpriv: one that lives as long as this process.
_STARTER = ThreadPoolExecutor(1, "kafka-broker")
_LOGGING = Path(__file__).parent / "log4j2.properties"
# An ApiVersions request of version 0, which every broker answers without knowing who asks.
_HELLO = struct.pack(">ihhih", 10, 18, 0, 1, -1)


class BrokerFailed(RuntimeError):
    """The broker ended or did not answer in time; the message holds the end of its log."""


class Broker:
    """One broker process and its data directory. Calls block; made for threads without an event loop.

    `more` are properties beside the usual ones, `users` the names and passwords that SCRAM knows. One that is
    `short_lived` is there sooner, and slower if it gets much to do. `archive` is where Java is to write the classes
    that it loaded, when the broker is stopped. `cluster_id` is shared by the brokers of one cluster.
    """

    def __init__(
        self,
        data: Path,
        port: int | None = None,
        heap: str = "1g",
        *,
        more: Mapping[str, str] | None = None,
        users: Mapping[str, str] | None = None,
        short_lived: bool = False,
        archive: Path | None = None,
        cluster_id: str | None = None,
    ) -> None:
        self.data = data
        self._cluster_id = cluster_id or new_cluster_id()
        self._controller_port, found = free_ports(2)
        self.port = port or found
        self._more = more or {}
        self._users = users or {}
        self._heap = heap
        # Half of what a start costs goes into compiling well what is hardly run.
        self._compiling = ["-XX:TieredStopAtLevel=1"] if short_lived else []
        self._archive = archive
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def server(self) -> str:
        """Where clients bootstrap."""
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What OCTYSEG_LOG takes."""
        return f"kafka://{self.server}"

    @property
    def is_running(self) -> bool:
        """Whether it was started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int:
        """The broker's process, while it runs."""
        assert self._process is not None, "the broker was not started"
        return self._process.pid

    def start(self, timeout_s: float = 60.0) -> None:
        """Format the data directory if it is new, run the broker and wait until it answers."""
        assert self._process is None, "the broker runs already"
        loading = [] if self._archive else [f"-XX:SharedArchiveFile={classes(_write_classes)}"]
        config = self.data / "server.properties"
        if not config.exists():
            self.data.mkdir(parents=True, exist_ok=True)
            config.write_text(properties(self.data, self.port, self._controller_port, self._more))
            if self._format(config, loading).wait() != 0:
                self._fail("cannot format its storage")
        if self._archive:
            loading = [f"-XX:ArchiveClassesAtExit={self._archive}"]
        self._process = self._java(loading, "kafka.Kafka", str(config))
        deadline = time.monotonic() + timeout_s
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                self._fail("does not answer")
            time.sleep(0.1)

    def stop(self) -> int:
        """Ask it to end and wait; controlled shutdown takes a second or two. Negative: it had to be killed."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it with SIGKILL, as a crash of the machine would, except that written pages survive."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        process, self._process = self._process, None
        if process is None:
            return 0
        if process.poll() is None:
            process.send_signal(how)
        try:
            return process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def _format(self, config: Path, loading: Sequence[str]) -> "subprocess.Popen[bytes]":
        users = [
            word
            for name, password in self._users.items()
            for word in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]
        return self._java(
            loading, "kafka.tools.StorageTool", "format", "-t", self._cluster_id, "-c", str(config), *users
        )

    def _java(self, loading: Sequence[str], *arguments: str) -> "subprocess.Popen[bytes]":
        options = [
            f"-Xmx{self._heap}",
            "-Xms128m",
            "-XX:+UseSerialGC",
            *self._compiling,
            # Another Java than OpenJDK's may not know archives.
            "-XX:+IgnoreUnrecognizedVMOptions",
            *loading,
            f"-Dlog4j2.configurationFile={_LOGGING}",
        ]
        command = ["java", *options, "-cp", f"{jars()}/*", *arguments]
        # A broker must not outlive whoever started it, not even one that was killed.
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        with (self.data / "broker.out").open("ab") as out:
            return _STARTER.submit(_begun, [*guard, *command], out).result()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1.0) as asked:
            asked.sendall(_HELLO)
            return len(asked.recv(8)) == len(_HELLO[:8])
        return False

    def _fail(self, what: str) -> NoReturn:
        msg = (
            f"the kafka broker in {self.data} {what}:\n{(self.data / 'broker.out').read_text(errors='replace')[-4000:]}"
        )
        raise BrokerFailed(msg)


def _begun(command: Sequence[str], out: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)  # noqa: S603 - Java, as it is found


def _write_classes(archive: Path) -> None:
    """Run a broker to no other end."""
    with tempfile.TemporaryDirectory(prefix="octyseg-kafka-") as scratch:
        broker = Broker(Path(scratch) / "data", short_lived=True, archive=archive)
        broker.start()
        if broker.stop() < 0:
            # Killed, because it took too long: half an archive.
            archive.unlink(missing_ok=True)


def free_ports(count: int) -> list[int]:
    """So many different ones that nobody listens on at this moment."""
    with contextlib.ExitStack() as stack:
        # All are held until all were found: the system may give one again that was let go.
        return [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


def new_cluster_id() -> str:
    """22 characters of base64 that do not begin with a dash, which the tool would take for an option."""
    return "a" + base64.urlsafe_b64encode(uuid.uuid4().bytes).decode()[1:22]


def main() -> None:
    """Serve until SIGINT or SIGTERM, telling on stdout what to put into the environment."""
    parser = argparse.ArgumentParser(description="A Kafka broker on loopback.")
    parser.add_argument("--data", type=Path, help="keep the data here (default: a directory that is removed again)")
    parser.add_argument("--port", type=int, help="default: a free one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="octyseg-kafka-") as scratch:
        broker = Broker(options.data or Path(scratch) / "data", options.port)
        broker.start()
        sys.stdout.write(f"OCTYSEG_LOG={broker.url}\n")
        sys.stdout.flush()
        stop = {signal.SIGINT, signal.SIGTERM}
        signal.pthread_sigmask(signal.SIG_BLOCK, stop)
        signal.sigwait(stop)
        broker.stop()


if __name__ == "__main__":
    main()
