"""The log file: its tables, how a connection to it is opened, and whether this octyseg may use it.

A file carries an application id, a format number and the time mode it was made with; anything that
does not fit is refused before a byte of it is changed. Called by the embedded log's own threads.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, sleep
from typing import Any, Literal, cast, get_args

from octyseg.errors import SettingsError, UsageError
from octyseg.log.embedded_errors import damaged, translated
from octyseg.log.embedded_rows import Mark, write_mark

TimeMode = Literal["wall", "events"]

APPLICATION_ID = 0x6F637479  # "octy"
FORMAT = 1

# The slot of a partition and an offset make the id of a batch, so a partition is a range of row ids.
# Slot 0 is the log itself: its last_ms is the log's clock. Every row carries a checksum of all of its columns.
_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE topics (
    topic_id INTEGER PRIMARY KEY, name TEXT NOT NULL, partitions INTEGER NOT NULL, compacted INTEGER NOT NULL,
    retention_ms INTEGER NOT NULL, first_slot INTEGER NOT NULL, crc INTEGER NOT NULL
)""",
    """CREATE TABLE marks (
    slot INTEGER PRIMARY KEY, start_offset INTEGER NOT NULL, next_offset INTEGER NOT NULL, last_ms INTEGER NOT NULL,
    compacted_to INTEGER NOT NULL, kept INTEGER NOT NULL, crc INTEGER NOT NULL
)""",
    """CREATE TABLE batches (
    id INTEGER PRIMARY KEY, next_offset INTEGER NOT NULL, last_ms INTEGER NOT NULL, crc INTEGER NOT NULL,
    payload BLOB NOT NULL
)""",
    """CREATE TABLE commits (
    consumer_group TEXT NOT NULL, slot INTEGER NOT NULL, next_offset INTEGER NOT NULL, crc INTEGER NOT NULL,
    PRIMARY KEY (consumer_group, slot)
) WITHOUT ROWID""",
)

# 8 KiB pages took 500-record appends fastest with synchronous=FULL and cost single records little.
_PAGE_BYTES = 8192
_CHECKPOINT_PAGES = 2048
_WAL_BYTES = 64 << 20
_RETRY_S = 0.001


def connect(path: str, busy_timeout_s: float) -> sqlite3.Connection:
    """A connection for one thread. Commits are on the disk, also through a power loss, when they return."""
    connection = sqlite3.connect(path, timeout=busy_timeout_s, isolation_level=None, check_same_thread=False)
    # Text that was damaged must reach the checksum that finds it out.
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")
    try:
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
        connection.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[None]:
    """Everything read inside is of one instant."""
    connection.execute("BEGIN DEFERRED")
    with _finished(connection):
        yield


@contextmanager
def change(connection: sqlite3.Connection, patience_s: float) -> Iterator[None]:
    """All or nothing, alone in the file: waits for the one write lock up to `patience_s`."""
    _insist(connection, "BEGIN IMMEDIATE", patience_s)
    with _finished(connection):
        yield


def ask_often(connection: sqlite3.Connection) -> None:
    """Let SQLite wait a few milliseconds at most, so that `change` asks for a contended lock often.

    Left alone, SQLite asks less and less often, up to every 100 ms, and a process that appends without
    a pause makes the others wait for 0.7 s at times.
    """
    connection.execute("PRAGMA busy_timeout = 4")


def _insist(connection: sqlite3.Connection, statement: str, patience_s: float) -> Any:
    """Execute the statement once the file is not locked; returns its first row."""
    deadline_s = monotonic() + patience_s
    while True:
        try:
            return connection.execute(statement).fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > deadline_s:
                raise
        sleep(_RETRY_S)


@contextmanager
def _finished(connection: sqlite3.Connection) -> Iterator[None]:
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def prepare(connection: sqlite3.Connection, path: str, time: TimeMode | None, patience_s: float) -> TimeMode:
    """Make the tables in a new file; check that an old one is ours, of a known format and keeps time as asked.

    Tells how the file keeps time. Asked for None, an old file keeps its own way and a new one the wall's.
    """
    with translated(path):
        with snapshot(connection):
            found = _identity(connection, path)
        if found is None:
            connection.execute(f"PRAGMA page_size = {_PAGE_BYTES}")
        # Where several processes make the file at once, SQLite does not wait here as it does elsewhere.
        (journal,) = _insist(connection, "PRAGMA journal_mode = WAL", patience_s)
        if journal != "wal":
            msg = f"log file {path} cannot be shared between processes where it lies: put it on a local disk"
            raise UsageError(msg)
        if found is None:
            with change(connection, patience_s):
                # Another process may have made the tables while this one waited for the lock.
                if _identity(connection, path) is None:
                    _create(connection, time or "wall")
        tables = connection.execute("SELECT sql FROM sqlite_master WHERE type = 'table' ORDER BY rowid").fetchall()
        if tables != [(statement,) for statement in _SCHEMA]:
            raise damaged(path, "its tables", "they are not those it was made with")
        settings = dict(connection.execute("SELECT name, value FROM meta"))
    kept = next((mode for mode in get_args(TimeMode) if mode == settings.get("time")), None)
    if kept is None:
        raise damaged(path, "its settings", f"time is {settings.get('time')!r}")
    if time is not None and kept != time:
        msg = f"log file {path} was made with time {kept!r}, not {time!r}: open it with {kept!r} or use another file"
        raise SettingsError(msg)
    return cast("TimeMode", kept)


def _identity(connection: sqlite3.Connection, path: str) -> int | None:
    """The format of our file, None for an empty one."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID:
        if tables or application:
            msg = f"{path} is a database of another program: name another file for the log"
            raise UsageError(msg)
        return None
    if version != FORMAT:
        msg = f"log file {path} has format {version}, this octyseg reads {FORMAT}: upgrade octyseg"
        raise UsageError(msg)
    return int(version)


def _create(connection: sqlite3.Connection, time: TimeMode) -> None:
    for statement in _SCHEMA:
        connection.execute(statement)
    connection.execute("INSERT INTO meta VALUES ('time', ?)", (time,))
    write_mark(connection, Mark(0))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT}")
