"""A Valkey of our own for those who have none: found running, or started, and shared by all who use one log.

Every process that works on the same embedded log enters the same directory. Valkey ends when the last
of them has left or died; its content is kept as a snapshot, which says how far of the log it holds.
"""

import fcntl
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from redis import Redis, RedisError

from octyseg.errors import ProjectionUnavailable
from octyseg.projection.keeper import ADDRESS, LOG, USERS

START = "start.lock"


@contextmanager
def private_valkey(directory: Path) -> Iterator[str]:
    """The URL of the Valkey of this directory, which lives at least as long as the block."""
    directory = directory.resolve()
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (directory / USERS).open("a") as users:
        # Waits while a keeper that found nobody here is still ending.
        fcntl.flock(users, fcntl.LOCK_SH)
        with (directory / START).open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            url = _running(directory) or _start(directory)
        yield url


def _running(directory: Path) -> str | None:
    try:
        url = str(json.loads((directory / ADDRESS).read_text())["url"])
        with Redis.from_url(url, socket_timeout=5) as client:
            client.ping()
    except (OSError, ValueError, KeyError, RedisError):
        return None
    return url


def _start(directory: Path) -> str:
    started = subprocess.run(  # noqa: S603 - our own module in our own interpreter
        [sys.executable, "-m", "octyseg.projection.keeper", str(directory)], stdin=subprocess.DEVNULL, check=False
    )
    url = _running(directory) if started.returncode == 0 else None
    if url is None:
        msg = f"cannot start a private valkey: see {directory / LOG}, or set OCTYSEG_REDIS to a running one"
        raise ProjectionUnavailable(msg)
    return url
