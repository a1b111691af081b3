"""What the embedded log says when the world does not let it work, and that nothing is lost by it."""

import sqlite3

import pytest

from octyseg.errors import LogDamaged, LogUnavailable, UsageError
from octyseg.log.embedded_errors import translated
from octyseg.log.embedded_file import _insist
from octyseg.log.port import NewRecord, TopicSpec
from tests.log.promises import numbered, read_partition

EVENTS = TopicSpec("events", 2, compacted=False, retention_ms=-1)


async def test_a_full_disk_refuses_appends_whole_and_keeps_what_was_acknowledged(open_embedded):
    log = await open_embedded()
    await log.create_topics([EVENTS])
    await log.append("events", 0, numbered(3))
    (writing, _) = log._connections
    (pages,) = writing.execute("PRAGMA page_count").fetchone()
    writing.execute(f"PRAGMA max_page_count = {pages + 4}")
    with pytest.raises(LogUnavailable, match=r"log\.db cannot grow, the disk is full: free some space"):
        await log.append_many("events", {0: numbered(1, 3), 1: [NewRecord(b"k", b"x" * 1_000_000)]})
    assert await log.ends("events", [0, 1]) == {0: 3, 1: 0}
    assert (await log.append("events", 0, numbered(1, 3))).first_offset == 3
    writing.execute("PRAGMA max_page_count = 1000000")
    await log.append("events", 1, [NewRecord(b"k", b"x" * 1_000_000)])
    assert [record for _, _, record in await read_partition(log, "events", 0, 0, 4)] == numbered(4)


async def test_a_directory_that_is_not_there_is_named(open_embedded, tmp_path):
    path = tmp_path / "missing" / "log.db"
    with pytest.raises(UsageError, match=rf"{path} cannot be opened for writing .*check its directory and permissions"):
        await open_embedded(path)


async def test_a_directory_is_not_a_log_file(open_embedded, tmp_path):
    with pytest.raises(UsageError, match="cannot be opened for writing"):
        await open_embedded(tmp_path)


async def test_a_file_of_something_else_is_left_as_it_was(open_embedded, tmp_path):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"remember the milk\n" * 100)
    with pytest.raises(UsageError, match=r"notes\.txt is not an octyseg log"):
        await open_embedded(path)
    assert path.read_bytes() == b"remember the milk\n" * 100


async def test_a_database_of_another_program_is_left_as_it_was(open_embedded, tmp_path):
    path = tmp_path / "shop.db"
    shop = sqlite3.connect(path)
    shop.execute("CREATE TABLE orders (id)")
    shop.commit()
    shop.close()
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"shop\.db is a database of another program: name another file"):
        await open_embedded(path)
    assert path.read_bytes() == before


async def test_a_file_of_a_newer_octyseg_is_refused(open_embedded, tmp_path):
    await (await open_embedded()).close()
    newer = sqlite3.connect(tmp_path / "log.db")
    newer.execute("PRAGMA user_version = 9")
    newer.close()
    with pytest.raises(UsageError, match="has format 9, this octyseg reads 1: upgrade octyseg"):
        await open_embedded()


async def test_an_unknown_time_mode_in_the_file_is_damage(open_embedded, tmp_path):
    await (await open_embedded()).close()
    file = sqlite3.connect(tmp_path / "log.db")
    file.execute("UPDATE meta SET value = 'wbll'")
    file.commit()
    file.close()
    with pytest.raises(LogDamaged, match="is damaged at its settings: time is 'wbll'"):
        await open_embedded()


async def test_a_process_that_keeps_the_file_locked_is_not_waited_for_for_ever(open_embedded, tmp_path):
    log = await open_embedded(busy_timeout_s=0.05)
    await log.create_topics([EVENTS])
    hog = sqlite3.connect(tmp_path / "log.db", isolation_level=None)
    hog.execute("BEGIN IMMEDIATE")
    with pytest.raises(LogUnavailable, match=r"log\.db stays locked by another process: end the process"):
        await log.append("events", 0, numbered(1))
    hog.execute("ROLLBACK")
    hog.close()
    assert (await log.append("events", 0, numbered(1))).first_offset == 0


class Locked:
    """A connection to a file that is locked for so many times, as SQLite says it without waiting itself."""

    def __init__(self, times):
        self.times = times

    def execute(self, statement):
        self.times -= 1
        if self.times >= 0:
            locked = sqlite3.OperationalError("database is locked")
            locked.sqlite_errorcode = sqlite3.SQLITE_BUSY
            raise locked
        return self

    def fetchone(self):
        return ("wal",)


def test_a_lock_that_passes_is_waited_for_and_one_that_stays_is_not():
    assert _insist(Locked(3), "SELECT 'wal'", patience_s=60) == ("wal",)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        _insist(Locked(10**9), "SELECT 'wal'", patience_s=0)


@pytest.mark.parametrize(
    ("code", "error", "words"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, LogUnavailable, "the disk answers with an error"),
        (sqlite3.SQLITE_IOERR_SHORT_READ, LogDamaged, "is damaged at events-0 offset 3"),
        (sqlite3.SQLITE_READONLY_DBMOVED, UsageError, "cannot be opened for writing"),
        (sqlite3.SQLITE_BUSY_RECOVERY, LogUnavailable, "stays locked by another process"),
        (sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, LogDamaged, "restore it from a backup"),
    ],
)
def test_results_of_sqlite_become_errors_that_say_what_to_do(code, error, words):
    failure = sqlite3.OperationalError("words of SQLite")
    failure.sqlite_errorcode = code
    with pytest.raises(error, match=words), translated("log.db", "events-0 offset 3"):
        raise failure


def test_our_own_mistakes_pass_through():
    connection = sqlite3.connect(":memory:")
    with pytest.raises(sqlite3.OperationalError), translated("log.db"):
        connection.execute("SELEKT")
    connection.close()
    with pytest.raises(sqlite3.ProgrammingError), translated("log.db"):
        connection.execute("SELECT 1")
