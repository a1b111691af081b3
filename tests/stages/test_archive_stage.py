"""The archive stage: every record that is no refusal is in history once, wherever a process died on the way."""

import asyncio
import threading

import pyarrow.parquet as pq
import pytest

from octyseg.errors import Fenced, LogDamaged
from octyseg.history import archive
from octyseg.history.archive import Archive, partitions_in
from octyseg.history.files import noted
from tests.stages.archiving import DAY_MS, NOW_MS, TOPIC, Desk, Died, event

POINTS = ["archive.file_written", "archive.files_written", "archive.reached"]


@pytest.fixture
def desk(tmp_path):
    return Desk(tmp_path / "history")


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
    await desk.begin(partitions=2)
    stray = event("p6")
    end = await desk.append(
        event("p0", event_type=""), event("p0", day=9), event("p0", created_at="no time"), event("p0"), stray
    )
    assert await desk.hindsight(end) == [3]
    await desk.handle()
    await desk.write()
    assert desk.places() == [3]
    assert desk.archive.reached() == end


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
    await desk.begin(partitions=2)
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


async def test_history_of_another_log_is_not_gone_on_with(desk):
    """As it was, no record was archived until there were as many as there had been."""
    await desk.begin()
    end = await desk.append(event(), event(day=-1))
    await desk.handle()
    await desk.write()
    desk.log._stored[TOPIC, 0] = type(desk.log._stored[TOPIC, 0])()
    with pytest.raises(LogDamaged, match=f"{TOPIC}-0 ends at offset 0 and history in .* has come to {end}"):
        await desk.begin()
