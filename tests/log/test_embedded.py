"""The embedded log: the promises, and what its callers get beyond them."""

import asyncio
import threading

import pytest

from octyseg.errors import LogUnavailable, UsageError
from octyseg.log.port import NewRecord, TopicSpec, read_through
from tests.log.promises import LogPromises, collect, numbered

EVENTS = TopicSpec("events", 3, compacted=False, retention_ms=-1)


class TestEmbeddedKeepsThePromises(LogPromises):
    @pytest.fixture
    def open_log(self, open_embedded):
        return open_embedded


@pytest.fixture
async def log(open_embedded):
    log = await open_embedded()
    await log.create_topics([EVENTS])
    return log


async def test_an_append_to_several_partitions_is_seen_whole_or_not_at_all(log, open_embedded):
    other = await open_embedded()
    seen = set()

    async def look():
        while 30 not in seen:
            ends = await other.ends("events", [0, 1, 2])
            assert len(set(ends.values())) == 1, ends
            seen.add(ends[0])

    looking = asyncio.create_task(look())
    for start in range(0, 30, 3):
        answers = await log.append_many("events", {number: numbered(3, start) for number in range(3)})
        assert {number: (done.first_offset, done.next_offset) for number, done in answers.items()} == dict.fromkeys(
            range(3), (start, start + 3)
        )
    await looking


async def test_an_append_in_vain_does_not_hinder_those_it_shares_a_transaction_with(log):
    answers = await asyncio.gather(
        log.append("events", 0, numbered(1)),
        log.append("evnts", 0, numbered(1)),
        log.append("events", 3, numbered(1)),
        log.append("events", 0, numbered(1, 1)),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers[1:3]] == [UsageError, UsageError]
    assert str(answers[1]) == "there is no topic evnts: create it first"
    assert str(answers[2]) == "topic events has no partition 3, only 0 to 2"
    assert [answers[0].first_offset, answers[3].first_offset] == [0, 1]


async def test_a_cancelled_append_does_not_hinder_those_behind_it(log):
    cancelled = asyncio.create_task(log.append("events", 0, numbered(1)))
    await asyncio.sleep(0)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    appended = await log.append("events", 0, numbered(1, 1))
    assert cancelled.cancelled()
    assert appended.next_offset in {1, 2}


async def test_many_small_appends_and_one_that_is_larger_than_a_transaction_group_all_arrive(log):
    await asyncio.gather(
        log.append("events", 1, numbered(25_000)), *(log.append("events", 1, numbered(1)) for _ in range(50))
    )
    reader = log.reader()
    reader.seek("events", 1, 0)
    found = (await collect(reader, 25_050))["events", 1]
    assert [offset for offset, _, _ in found] == list(range(25_050))


async def test_one_read_brings_a_bounded_part_of_a_long_partition(log):
    records = [NewRecord(b"k", b"x" * 10_000)] * 500
    await log.append("events", 0, records)
    await log.append("events", 1, records[:1])
    reader = log.reader()
    reader.seek("events", 0, 0)
    reader.seek("events", 1, 0)
    await log.append("events", 0, records)
    first = {chunk.partition: chunk.next_offset for chunk in await reader.read(0)}
    assert 0 < first[0] < 1_000
    assert first[1] == 1
    assert len((await collect(reader, 1_000 - first[0]))["events", 0]) == 1_000 - first[0]


async def test_partitions_with_much_to_read_take_turns(open_embedded):
    log = await open_embedded()
    await log.create_topics([TopicSpec("wide", 8, compacted=False, retention_ms=-1)])
    for _ in range(2):
        await log.append_many("wide", {number: [NewRecord(b"k", b"x" * 2_000_000)] for number in range(8)})
    reader = log.reader()
    for number in range(8):
        reader.seek("wide", number, 0)
    served = [chunk.partition for _ in range(8) for chunk in await reader.read(0)]
    assert sorted(served[:8]) == list(range(8))
    assert sorted(served) == sorted([*range(8), *range(8)])


async def test_a_seek_while_a_reader_waits_takes_effect_at_once(log):
    await log.append("events", 2, numbered(1))
    reader = log.reader()
    waiting = asyncio.create_task(reader.read(60))
    await asyncio.sleep(0)
    reader.seek("events", 2, 0)
    (chunk,) = await waiting
    assert (chunk.partition, chunk.next_offset) == (2, 1)


async def test_an_append_of_this_process_wakes_its_readers_without_a_look_at_the_file(log, monkeypatch):
    monkeypatch.setattr("octyseg.log.embedded_reader._POLL_S", 3_600)
    reader = log.reader()
    reader.seek("events", 0, 0)
    waiting = asyncio.create_task(reader.read(60))
    while log._watch._version is None:
        await log.ends("events", [0])
    await log.append("events", 0, numbered(1))
    assert [chunk.next_offset for chunk in await waiting] == [1]


async def test_a_chunk_of_a_partition_that_was_dropped_during_the_read_is_not_given(log):
    await log.append("events", 0, numbered(1))
    reader = log.reader()
    reader.seek("events", 0, 0)
    reading = asyncio.create_task(reader.read(0))
    await asyncio.sleep(0)
    reader.drop("events", 0)
    assert await reading == []


async def test_sqlite_is_called_on_threads_of_its_own(open_embedded):
    threads = set()

    def clock():
        threads.add(threading.current_thread().name)
        return 1

    log = await open_embedded(clock=clock)
    await log.create_topics([EVENTS])
    await log.append("events", 0, numbered(1))
    assert [name.rstrip("_0") for name in threads] == ["octyseg-log-write"]


async def test_appends_under_way_are_finished_before_the_log_closes(open_embedded):
    log = await open_embedded()
    await log.create_topics([EVENTS])
    appends = [asyncio.create_task(log.append("events", 0, numbered(1, n))) for n in range(10)]
    await asyncio.sleep(0)
    await log.close()
    assert [(await append).first_offset for append in appends] == list(range(10))
    again = await open_embedded()
    assert len([record async for record in read_through(again, "events", 0, 0, 10)]) == 10


async def test_a_closed_log_says_so(log):
    reader = log.reader()
    reader.seek("events", 0, 0)
    waiting = asyncio.create_task(reader.read(60))
    await log.ends("events", [0])
    await log.close()
    await log.close()
    with pytest.raises(LogUnavailable, match="is closed: start the log first"):
        await waiting
    with pytest.raises(LogUnavailable, match="is closed: start the log first"):
        await log.append("events", 0, numbered(1))
