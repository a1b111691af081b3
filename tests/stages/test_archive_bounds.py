"""The archive in bounded memory, on a disk that may be full: what waits, what is put together, what is waited for."""

import asyncio
import errno
import os
import random
import tempfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from octyseg import metrics
from octyseg.errors import HistoryUnavailable, SettingsError
from octyseg.history.archive import Archive
from octyseg.history.files import _size
from octyseg.stages import availability
from tests.stages.archiving import TOPIC, Desk, event


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


async def test_what_has_no_room_in_one_file_becomes_several(desk, monkeypatch):
    monkeypatch.setattr("octyseg.history.files.COMPACTED_STAY_S", 0)
    await desk.begin()
    for number in range(20):
        await desk.append(event(event_properties={"text": f"{number:0100}"}))
        await desk.handle()
        await desk.write()
    whole = sum(map(_size, desk.directory.rglob("*.parquet")))
    monkeypatch.setattr("octyseg.history.files.COMPACTED_BYTES", whole // 4)
    desk.archive.compact(3)
    sizes = [_size(file) for file in desk.directory.rglob("*.parquet")]
    assert 3 <= len(sizes) <= 8
    assert max(sizes) <= whole // 4
    assert desk.places() == list(range(20))


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
    await desk.begin(partitions=2, write_every_bytes=1_000)
    await desk.stage.open(1, {TOPIC: 0})
    await desk.append(event("p0"))
    await desk.handle()
    assert desk.places() == []
    await desk.append(*(event("p0", event_properties={"text": "x" * 100}) for _ in range(2)))
    await desk.handle()
    assert desk.places() == [0, 1, 2], "its share is half"
    await desk.append(event("p0"))
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
