"""SQLite's errors as the house's: what happened to the log file, and what to do about it.

Decides which of SQLite's result codes mean that waiting may help, which that the bytes are damaged,
and which that the path is wrong. Anything else SQLite says is our own bug and passes through.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from octyseg.errors import LogDamaged, LogUnavailable, OctysegError, UsageError

_CORRUPT = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_CONSTRAINT}
_TRUNCATED = {sqlite3.SQLITE_IOERR_SHORT_READ}
_REFUSED = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH}
# SQLite says these under its code for everything else.
_MALFORMED = ("unsupported file format", "malformed database schema")
_RESTORE = "end octyseg, keep a copy of the file and restore it from a backup"


@contextmanager
def translated(path: str, place: str = "") -> Iterator[None]:
    """Raise the house's error for SQLite's; `place` says where in the log, e.g. `octyseg.events-3 offset 17`."""
    try:
        yield
    except sqlite3.Error as error:
        ours = _translate(path, place, error)
        if ours is None:
            raise
        raise ours from error
    except UnicodeDecodeError as error:
        # The text of SQLite's own error quotes bytes that are no text: a damaged schema.
        raise damaged(path, place, "its tables cannot be read") from error


def damaged(path: str, place: str, what: str, remedy: str = _RESTORE) -> LogDamaged:
    """The error for bytes that cannot be right."""
    return LogDamaged(f"log file {path} is damaged{f' at {place}' if place else ''}: {what}; {remedy}")


def _translate(path: str, place: str, error: sqlite3.Error) -> OctysegError | None:
    extended: int | None = getattr(error, "sqlite_errorcode", None)
    if extended is None:
        return None
    code = extended & 0xFF
    if code in _CORRUPT or extended in _TRUNCATED or str(error).startswith(_MALFORMED):
        return damaged(path, place, str(error))
    if code == sqlite3.SQLITE_NOTADB:
        return UsageError(
            f"{path} is not an octyseg log, or its first bytes are damaged: name another file "
            "or restore it from a backup"
        )
    if code == sqlite3.SQLITE_FULL:
        return LogUnavailable(
            f"log file {path} cannot grow, the disk is full: free some space and start again, "
            "whatever was acknowledged is kept"
        )
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LogUnavailable(
            f"log file {path} stays locked by another process: end the process that holds it, or try again"
        )
    if code in _REFUSED:
        return UsageError(
            f"log file {path} cannot be opened for writing ({error}): check its directory and permissions"
        )
    if code == sqlite3.SQLITE_IOERR:
        return LogUnavailable(
            f"log file {path}: the disk answers with an error ({error}): check the disk and start again"
        )
    return None
