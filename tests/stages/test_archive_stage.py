"""The archive stage: every record that is no refusal is in history once, wherever a process died on the way."""

import asyncio
import errno
import json
import os
import random
import tempfile
import threading
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from octyseg import metrics
from octyseg.engine.rules import Rules
from octyseg.errors import Fenced, HistoryUnavailable, SettingsError
from octyseg.history import archive
from octyseg.history.archive import Archive, partitions_in
from octyseg.history.files import _size, noted
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.stages import availability, hindsight
from octyseg.stages.archive import ArchiveConfig, ArchiveStage
from octyseg.stages.hindsight import Hindsight

TOPIC = "octyseg.events"
DAY_MS = 24 * 60 * 60 * 1000
NOW_MS = 1_780_012_800_000  # noon
POINTS = ["archive.file_written", "archive.files_written", "archive.reached"]


class Died(Exception):
    """The process ended at a named point."""


class Desk:
    """A log in memory, and archive stages that come and go over one directory."""

    def __init__(self, directory):
        self.directory = directory
        self.now_ms = NOW_MS
        self.log = MemoryLog(lambda: self.now_ms)
        self.dies_at = None
        self.stage = None

    async def begin(self, position=0, **config):
        if self.stage is None:
            await self.log.create_topics(specs("octyseg.", 2))
        self.stage = ArchiveStage(
            self.log, TOPIC, self.directory, ArchiveConfig(**config), Rules(), passing=self.pass_by
        )
        await self.stage.start()
        await self.stage.open(0, {TOPIC: position})
        self.reader = self.log.reader()
        self.reader.seek(TOPIC, 0, position)

    def pass_by(self, point):
        if point == self.dies_at:
            self.dies_at = None
            raise Died(point)

    async def append(self, *documents):
        records = [NewRecord(one["profile_id"].encode(), json.dumps(one).encode()) for one in documents]
        return (await self.log.append(TOPIC, 0, records)).next_offset

    async def handle(self):
        for chunk in await self.reader.read(0):
            await self.stage.handle(chunk)

    async def write(self):
        self.stage._write_at_s = self.stage._tidy_at_s = 0
        await self.stage.tick()

    @property
    def archive(self):
        return Archive(self.directory, 0)

    async def hindsight(self, end):
        """The offsets of all rows that are in the archive or behind it."""
        past = Hindsight(self.log, TOPIC, self.directory, Rules().future_ms)
        async with past.as_of(0, NOW_MS, end) as history:
            assert len(history.rows) < hindsight.ROWS_HELD
            assert history.has_ids == (end > 5)
            tables = [*map(pq.read_table, history.files), history.rows]
            return sorted(place for table in tables for place in table["place"].to_pylist())

    def places(self):
        """The offsets of all rows, in order."""
        files = self.archive.history(NOW_MS, self.archive.reached()).files
        return sorted(place for path in files for place in pq.read_table(path)["place"].to_pylist())


def event(profile="ada", day=0, **fields):
    at_ms = NOW_MS + day * DAY_MS
    return {"profile_id": profile, "event_type": "buy", "event_properties": {}, "created_at": at_ms, **fields}


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "history")


@pytest.fixture
def emptied_scratch(tmp_path, monkeypatch):
    """Where temporary files lie; nothing is left of them."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    yield
    assert not list(scratch.iterdir())


async def test_rows_lie_by_partition_and_day_of_the_event(desk):
    await desk.begin()
    await desk.append(event(), event(day=-1), event("eve", event_properties={"b": 1, "a": "x"}))
    await desk.handle()
    await desk.write()
    names = sorted(path.relative_to(desk.directory).as_posix() for path in desk.directory.rglob("*.parquet"))
    assert names == [
        "0/2026-05-28/000000000000-000000000002.parquet",
        "0/2026-05-29/000000000000-000000000002.parquet",
    ]
    rows = pq.read_table(desk.directory / names[1]).to_pylist()
    assert [(row["profile_id"], row["properties"]) for row in rows] == [("ada", ""), ("eve", '\n"a":"x"\n"b":1\n')]
    assert partitions_in(desk.directory) == [0]


async def test_what_the_live_stage_refuses_is_not_history(desk):
    await desk.begin()
    await desk.append(event(event_type=""), event(day=9), event(created_at="no time"), event())
    await desk.handle()
    await desk.write()
    assert desk.places() == [3]
    assert desk.archive.reached() == 4


@pytest.mark.parametrize("point", POINTS)
async def test_a_crash_anywhere_loses_and_doubles_nothing(desk, point):
    await desk.begin()
    committed = await desk.append(event(), event(day=-1), event(day=-2))
    await desk.handle()
    await desk.write()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    desk.dies_at = point
    with pytest.raises(Died):
        await desk.write()
    # The host had committed less than the files have, or more: what handle returned from.
    end = await desk.append(event(day=-1), event())
    for position in (committed, end):
        await desk.begin(position)
        await desk.handle()
        await desk.write()
        assert desk.places() == list(range(end))
        await desk.stage.close(0)
    assert desk.places() == list(range(7))


async def test_what_was_handled_and_not_written_is_read_again(desk):
    await desk.begin()
    end = await desk.append(event(), event(day=-1))
    await desk.handle()
    assert desk.places() == []
    await desk.begin(end)
    await desk.write()
    assert desk.places() == [0, 1]


async def test_a_reader_sees_whole_writes_only(desk):
    await desk.begin()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    desk.dies_at = "archive.files_written"
    with pytest.raises(Died):
        await desk.write()
    assert list(desk.directory.rglob("*.parquet"))
    assert desk.places() == []


async def test_many_files_of_a_day_become_one(desk, monkeypatch):
    monkeypatch.setattr("octyseg.stages.archive.FILES_A_DAY", 3)
    monkeypatch.setattr("octyseg.history.files.COMPACTED_STAY_S", 0)
    await desk.begin()
    for _ in range(5):
        await desk.append(event(), event("eve"))
        await desk.handle()
        await desk.write()
    assert desk.places() == list(range(10))
    assert len(list(desk.directory.rglob("*.parquet"))) <= 3


async def test_files_are_put_together_as_far_as_they_have_room_in_one(desk, monkeypatch):
    monkeypatch.setattr("octyseg.stages.archive.FILES_A_DAY", 3)
    monkeypatch.setattr("octyseg.history.files.COMPACTED_STAY_S", 0)
    monkeypatch.setattr("octyseg.history.files.COMPACTED_BYTES", 2_000)
    await desk.begin()
    size = 0
    for number in range(40):
        await desk.append(event(), event("eve", event_properties={"text": f"{number:0100}"}))
        await desk.handle()
        await desk.write()
        files = list(desk.directory.rglob("*.parquet"))
        size = max(size, *map(_size, files))
    assert desk.places() == list(range(80))
    assert sum(_size(file) <= 1_000 for file in files) <= 3
    assert 5 < len(files) < 20
    assert 1_000 < size <= 2_000


@pytest.mark.parametrize("seed", range(12))
async def test_every_record_is_there_once_whatever_was_put_together_and_whoever_died(desk, monkeypatch, seed):
    rng = random.Random(seed)
    monkeypatch.setattr("octyseg.stages.archive.FILES_A_DAY", 2)
    monkeypatch.setattr("octyseg.history.files.COMPACTED_STAY_S", rng.choice([0, 3_600]))
    monkeypatch.setattr("octyseg.history.files.COMPACTED_BYTES", rng.choice([1_500, 4_000, 10**6]))
    await desk.begin(write_every_bytes=rng.choice([300, 10**6]))
    position = 0
    for _ in range(60):
        match rng.choice(["append", "append", "handle", "write", "write", "die", "close"]):
            case "append":
                texts = [{"text": "x" * rng.choice([1, 300])} for _ in range(rng.randrange(1, 7))]
                days = [rng.choice([0, 0, 0, -1, -2]) for _ in texts]
                await desk.append(*(event(day=d, event_properties=t) for d, t in zip(days, texts, strict=True)))
            case "handle":
                await desk.handle()
                position = desk.stage._partitions[0].next_offset
            case "write":
                await desk.write()
            case "die":
                await desk.begin(position)
            case "close":
                await desk.stage.close(0)
                await desk.begin(position)
    await desk.handle()
    await desk.write()
    assert desk.places() == list(range((await desk.log.ends(TOPIC, [0]))[0]))


async def test_more_than_may_wait_is_written_before_its_time(desk):
    await desk.begin(write_every_bytes=1_000)
    await desk.stage.open(1, {TOPIC: 0})
    await desk.append(event())
    await desk.handle()
    assert desk.places() == []
    await desk.append(*(event(event_properties={"text": "x" * 100}) for _ in range(2)))
    await desk.handle()
    assert desk.places() == [0, 1, 2], "its share is half"
    await desk.append(event())
    await desk.handle()
    assert desk.places() == [0, 1, 2]


async def test_a_directory_that_was_lost_is_filled_again_piece_by_piece(desk, monkeypatch):
    """As it was, all of the topic was held in memory until the partition was open."""
    await desk.begin()
    documents = [event(f"p{number}") for number in range(50)]
    end = await desk.append(*documents, {"type": "erase", "profile_id": "p7"}, event("p7"))
    written, write = [], Archive.write

    def noted_write(archive, rows, *what):
        written.append(len(rows))
        write(archive, rows, *what)

    monkeypatch.setattr(Archive, "write", noted_write)
    await desk.begin(end, write_every_bytes=1_000)
    assert len(written) > 3
    assert max(written) < 15
    await desk.write()
    assert desk.places() == sorted({*range(end)} - {7, 50})


class FullDisk:
    """Takes the beginning of a file and refuses the rest, while it is full."""

    def __init__(self, monkeypatch):
        self.is_full, self.refused, self.refused_often = False, 0, asyncio.Event()
        loop, write_table = asyncio.get_running_loop(), pq.write_table

        def write(table, path, **how):
            if self.is_full:
                path.write_bytes(b"PAR1")
                self.refused += 1
                if self.refused == 3:
                    loop.call_soon_threadsafe(self.refused_often.set)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write_table(table, path, **how)

        monkeypatch.setattr(pq, "write_table", write)


@pytest.fixture
async def disk(monkeypatch):
    monkeypatch.setattr(availability, "_WAIT_INITIAL_S", 0.01)
    return FullDisk(monkeypatch)


async def test_a_full_disk_is_waited_for_and_leaves_nothing_half_written(desk, disk):
    await desk.begin()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    disk.is_full = True
    await desk.write()
    assert disk.refused == 1, "a tick does not wait"
    assert metrics.HISTORY_AVAILABLE.labels("archive")._value.get() == 0
    assert not list(desk.directory.rglob("*.tmp"))
    await desk.append(event("eve"))
    await desk.handle()
    disk.is_full = False
    await desk.write()
    assert metrics.HISTORY_AVAILABLE.labels("archive")._value.get() == 1
    assert desk.places() == [0, 1, 2]


async def test_who_has_more_than_may_wait_takes_no_more_while_the_disk_is_full(desk, disk):
    await desk.begin(write_every_bytes=100)
    await desk.append(event(), event("eve"))
    disk.is_full = True
    handling = asyncio.create_task(desk.handle())
    await disk.refused_often.wait()
    assert not handling.done()
    await desk.write()
    disk.is_full = False
    await handling
    assert desk.places() == [0, 1]


async def test_what_could_not_be_written_at_the_close_is_read_again_at_the_opening(desk, disk):
    await desk.begin()
    end = await desk.append(event(), event("eve"))
    await desk.handle()
    disk.is_full = True
    await desk.stage.close(0)
    disk.is_full = False
    await desk.begin(end)
    await desk.write()
    assert desk.places() == [0, 1]


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (errno.ENOSPC, HistoryUnavailable, "no space left on device; events wait on the log, so make room there"),
        (errno.EROFS, SettingsError, "read-only file system; let us, or set OCTYSEG_HISTORY__DIRECTORY"),
    ],
)
async def test_why_history_cannot_be_opened_is_said(desk, monkeypatch, number, kind, text):
    def refuse(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(kind, match=f"history cannot be written to {desk.directory / '0'}: {text}"):
        await desk.begin()


async def test_who_reads_while_it_is_written_and_compacted_reads_every_record_once(desk, monkeypatch):
    """The writer goes on between the reader's look at how far it is and the reader's look at the files."""
    monkeypatch.setattr("octyseg.stages.archive.FILES_A_DAY", 1)
    await desk.begin()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    await desk.write()
    await desk.append(event("eve"), event("eve", day=-1))
    end = await desk.append(event("fay"))
    await desk.handle()
    loop, found = asyncio.get_running_loop(), Archive.history

    def late(archive, *asked):
        asyncio.run_coroutine_threadsafe(desk.write(), loop).result(10)
        return found(archive, *asked)

    monkeypatch.setattr(Archive, "history", late)
    assert await desk.hindsight(end) == list(range(end))
    assert desk.archive.reached() == end


@pytest.mark.parametrize("held", [1, 2, 3, 100])
@pytest.mark.usefixtures("emptied_scratch")
async def test_what_is_not_archived_yet_waits_in_files_when_it_is_much(desk, monkeypatch, held):
    monkeypatch.setattr("octyseg.stages.hindsight.ROWS_HELD", held)
    await desk.begin()
    await desk.append(event(), event("eve"))
    await desk.handle()
    await desk.write()
    end = await desk.append(*(event(f"p{number}", event_id=f"e{number}") for number in range(7)))
    assert await desk.hindsight(end) == list(range(end))


async def test_both_files_of_a_compaction_that_was_cut_off_count_once(desk):
    await desk.begin()
    for _ in range(2):
        await desk.append(event(), event("eve"))
        await desk.handle()
        await desk.write()
    day = desk.directory / "0" / "2026-05-29"
    kept = {path.name: path.read_bytes() for path in day.iterdir()}
    desk.archive.compact(1)
    for name, content in kept.items():
        (day / name).write_bytes(content)
    assert desk.places() == list(range(4))


async def test_days_beyond_their_time_go(desk):
    await desk.begin(keep_days=2)
    await desk.append(event(), event(day=-2), event(day=-3))
    await desk.handle()
    await desk.write()
    assert desk.places() == [0, 1]


async def test_what_is_read_again_at_the_opening_is_not_written_before_all_of_it_was_read(desk):
    await desk.begin()
    end = await desk.append(event(), event(day=-1), event("eve"))
    started, go_on = asyncio.Event(), asyncio.Event()
    reader = desk.log.reader

    def slow_reader():
        made = reader()
        read = made.read

        async def slowly(wait_s):
            started.set()
            await go_on.wait()
            return await read(wait_s)

        made.read = slowly
        return made

    desk.log.reader = slow_reader
    beginning = asyncio.create_task(desk.begin(end))
    await started.wait()
    # As it was, the stage knew the partition by now, and what it read while it wrote was forgotten with what it wrote.
    assert not desk.stage._partitions
    await desk.write()
    go_on.set()
    await beginning
    await desk.write()
    assert desk.places() == [0, 1, 2]


async def test_who_is_cancelled_at_a_write_ends_when_the_write_has_ended(desk, monkeypatch):
    """Threads go on: a close that writes, or the next owner, would come on top of it."""
    await desk.begin()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    begun, go_on = asyncio.Event(), threading.Event()
    loop, write = asyncio.get_running_loop(), Archive.write

    def slow_write(archive, *what):
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)
        write(archive, *what)

    monkeypatch.setattr(Archive, "write", slow_write)
    ticking = asyncio.create_task(desk.write())
    await begun.wait()
    ticking.cancel()
    closing = asyncio.create_task(desk.stage.close(0))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not ticking.done()
    assert not closing.done()
    go_on.set()
    await asyncio.gather(closing, return_exceptions=True)
    await asyncio.wait([ticking])
    assert ticking.cancelled()
    assert desk.places() == [0, 1]


async def test_who_stood_still_while_another_took_over_writes_nothing_more(desk):
    await desk.begin()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    sleeping = desk.stage
    await desk.begin()
    end = await desk.append(event("eve"))
    await desk.handle()
    await desk.write()
    assert desk.places() == list(range(end))
    for due in ("_write_at_s", "_tidy_at_s"):
        setattr(sleeping, due, 0)
        with pytest.raises(Fenced, match="the history of partition 0 has another owner by now"):
            await sleeping.tick()
    await sleeping.close(0)
    assert desk.places() == list(range(end))


@pytest.mark.parametrize("point", ["archive.prepared", "archive.file_written", "archive.files_written"])
async def test_who_stands_still_in_the_middle_of_a_write_leaves_no_row_twice(desk, monkeypatch, point):
    """The next owner opens, and writes another range, between two steps of it."""
    await desk.begin()
    await desk.append(event(), event(day=-1))
    await desk.handle()
    sleeping, loop, passed = desk.stage, asyncio.get_running_loop(), []

    async def take_over():
        await desk.begin()
        await desk.append(event("eve"))
        await desk.handle()
        await desk.write()

    def pass_by(reached):
        passed.append(reached)
        if reached == point and passed.count(point) == 1:
            asyncio.run_coroutine_threadsafe(take_over(), loop).result(10)

    def noted_and_passed(content, path):
        found = noted(content, path)
        pass_by("archive.prepared")
        return found

    monkeypatch.setattr("octyseg.history.archive.noted", noted_and_passed)
    sleeping._partitions[0].archive._pass_by = pass_by
    sleeping._write_at_s = 0
    with pytest.raises(Fenced):
        await sleeping.tick()
    assert point in passed
    assert desk.places() == [0, 1, 2]


async def test_what_is_given_away_while_others_are_tidied_is_not_tidied(desk, monkeypatch):
    """Its next owner writes to the same files by then."""
    await desk.begin()
    await desk.stage.open(1, {TOPIC: 0})
    tidied, compact = [], Archive.compact
    loop = asyncio.get_running_loop()

    def give_away(archive, files):
        tidied.append(archive)
        asyncio.run_coroutine_threadsafe(desk.stage.close(1), loop).result(10)
        compact(archive, files)

    monkeypatch.setattr(Archive, "compact", give_away)
    await desk.write()
    assert len(tidied) == 1


async def test_nothing_is_left_of_an_erased_profile(desk):
    await desk.begin()
    await desk.append(
        event("ada"),
        {"type": "profile", "profile_id": "ada", "profile_data": {"plan": "gold"}, "created_at": NOW_MS},
        event("eve"),
        {"type": "erase", "profile_id": "ada", "created_at": NOW_MS},
    )
    await desk.handle()
    await desk.write()
    assert desk.places() == [2]
    tables = [pq.read_table(path) for path in desk.directory.rglob("*.parquet")]
    assert not any("ada" in table["profile_id"].to_pylist() for table in tables)
    await desk.append(event("ada"))
    await desk.handle()
    await desk.write()
    assert desk.places() == [2, 4], "who comes back is somebody new"


async def test_an_erasure_reaches_files_that_were_compacted_and_nothing_sent_after_it(desk):
    """Both stand in files already when the erasure is carried out, as after a crash before it was noted."""
    await desk.begin()
    for _ in range(2):
        await desk.append(event("ada"), event("eve"))
        await desk.handle()
        await desk.write()
    desk.archive.compact(1)
    files = list(desk.directory.rglob("*.parquet"))
    assert len(files) == 3, "those that were compacted stay for a while"
    desk.archive.erase({"ada": 2})
    rows = {(row["profile_id"], row["place"]) for path in files for row in pq.read_table(path).to_pylist()}
    assert rows == {("ada", 2), ("eve", 1), ("eve", 3)}
    assert not desk.archive.holds("ada", 2)
    assert desk.archive.holds("ada", 3)


async def test_many_are_forgotten_in_one_look_each_up_to_its_own_place(desk, monkeypatch):
    await desk.begin()
    for profile in ("ada", "bob", "eve"):
        await desk.append(event(profile), event("fay"), event(profile))
        await desk.handle()
        await desk.write()
    await desk.append({"type": "erase", "profile_id": "ada"}, event("ada"), {"type": "erase", "profile_id": "bob"})
    await desk.append(event("fay"), {"type": "erase", "profile_id": "nobody"})
    put, written = archive.put, []
    monkeypatch.setattr(archive, "put", lambda table, path: (written.append(path), put(table, path)))
    looks, erase = [], Archive.erase
    monkeypatch.setattr(Archive, "erase", lambda own, erased: (looks.append(erased), erase(own, erased)))
    await desk.handle()
    await desk.write()
    assert looks == [{"ada": 10, "bob": 12, "nobody": 14}]
    # That of eve is none of them.
    assert {path.name for path in written} == {
        "000000000000-000000000002.parquet",
        "000000000003-000000000005.parquet",
        "000000000009-000000000013.parquet",
    }
    assert desk.places() == [1, 4, 6, 7, 8, 10, 12]


async def test_people_are_as_they_were_told_up_to_the_instant(desk):
    await desk.begin()
    say = {"type": "profile", "profile_id": "ada"}
    await desk.append(
        say | {"profile_data": {"plan": "tin"}, "created_at": NOW_MS - DAY_MS},
        say | {"profile_data": {"plan": "gold"}, "created_at": NOW_MS},
        {"type": "merge", "profile_id": "eve", "into": "ada", "created_at": NOW_MS},
    )
    await desk.handle()
    await desk.write()
    assert desk.archive.people(NOW_MS - 1, desk.archive.reached()).attributes()["ada"]["profile_data"] == {
        "plan": "tin"
    }
    assert desk.archive.people(NOW_MS, desk.archive.reached()).attributes()["ada"]["profile_data"] == {"plan": "gold"}
    assert desk.archive.people(NOW_MS, desk.archive.reached()).of("eve") == "ada"
