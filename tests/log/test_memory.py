"""The memory log: the promises, and what simulations need beyond them."""

import asyncio
from random import Random

import pytest

from octyseg.errors import LogUnavailable, UsageError
from octyseg.log.memory import MemoryLog
from octyseg.log.memory_faults import Faults, SeededFaults
from octyseg.log.port import NewRecord, TopicSpec, read_through
from tests.log.promises import LogPromises, numbered

EVENTS = TopicSpec("events", 2, compacted=False, retention_ms=1_000)
STATE = TopicSpec("state", 1, compacted=True, retention_ms=-1)


class TestMemoryKeepsThePromises(LogPromises):
    @pytest.fixture
    def open_log(self):
        log = MemoryLog(clock=lambda: 1_700_000_000_000)

        async def open_log():
            await log.start()
            return log

        return open_log


class Clock:
    now_ms = 1_000

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def log(clock):
    log = MemoryLog(clock)
    await log.create_topics([EVENTS, STATE])
    return log


async def contents(log, topic, partition=0):
    end = (await log.ends(topic, [partition]))[partition]
    return [(r.offset, r.key, r.value) async for r in read_through(log, topic, partition, 0, end)]


async def test_time_is_the_clock_that_was_given(log, clock):
    assert (await log.append("events", 0, numbered(1))).timestamp == 1_000
    clock.now_ms = 5_000
    assert (await log.ends_as_of(["events"], [0]))[0] == 5_000
    assert (await log.append("events", 0, numbered(1))).timestamp == 5_000


async def test_a_clock_that_goes_back_does_not_take_the_log_back(log, clock):
    await log.append("events", 0, numbered(1))
    clock.now_ms = 10
    assert (await log.append("events", 1, numbered(1))).timestamp == 1_000
    assert (await log.ends_as_of(["events"], [0]))[0] == 1_000


async def test_an_unknown_partition_is_named(log):
    with pytest.raises(UsageError, match="topic events has no partition 2"):
        await log.append("events", 2, numbered(1))
    with pytest.raises(UsageError, match="there is no topic evnts: create it first"):
        await log.append("evnts", 0, numbered(1))


async def test_a_refused_append_stores_nothing(log):
    log.faults = SeededFaults(Random(1), refused=1.0)
    with pytest.raises(LogUnavailable, match="refused"):
        await log.append("events", 0, numbered(1))
    log.faults = None
    assert await log.ends("events", [0]) == {0: 0}


async def test_a_lost_acknowledgement_leaves_the_records_stored(log):
    log.faults = SeededFaults(Random(1), lost=1.0)
    with pytest.raises(LogUnavailable, match="acknowledgement was lost"):
        await log.append("events", 0, numbered(2))
    with pytest.raises(LogUnavailable, match="acknowledgement was lost"):
        await log.commit("group", "events", {0: 1})
    log.faults = None
    assert await contents(log, "events") == [(0, b"k0", b"v0"), (1, b"k1", b"v1")]
    assert await log.committed("group", "events", [0]) == {0: 1}


async def test_every_call_that_reaches_the_broker_can_be_refused(log):
    reader = log.reader()
    reader.seek("events", 0, 0)
    log.faults = SeededFaults(Random(1), refused=1.0)
    for call in (
        log.ends("events", [0]),
        log.ends_as_of(["events"], [0]),
        log.starts("events", [0]),
        log.committed("group", "events", [0]),
        log.commit("group", "events", {0: 1}),
        reader.read(0),
    ):
        with pytest.raises(LogUnavailable, match="simulated"):
            await call


async def history(seed):
    """What a process that retries every append sees, and what the log holds in the end."""
    log = MemoryLog(Clock(), SeededFaults(Random(seed), refused=0.2, lost=0.2, short=0.5))
    await log.create_topics([EVENTS])
    told = []
    for number in range(30):
        try:
            told.append(await log.append("events", 0, numbered(3, 3 * number)))
        except LogUnavailable as failure:
            told.append(str(failure))
    reader = log.reader()
    reader.seek("events", 0, 0)
    log.faults = SeededFaults(Random(seed), short=0.5)
    reads = []
    while chunks := await reader.read(0):
        reads.append([record for chunk in chunks for batch in chunk.batches for record in batch])
    return told, reads


async def test_a_seed_repeats_its_history_and_another_seed_does_not():
    assert await history(7) == await history(7)
    assert await history(7) != await history(8)


@pytest.mark.parametrize("seed", range(10))
async def test_short_reads_lose_nothing_and_double_nothing(seed):
    told, reads = await history(seed)
    offsets = [record.offset for records in reads for record in records]
    assert offsets == list(range(len(offsets)))
    assert len(offsets) == 3 * sum("refused" not in str(answer) for answer in told)


async def test_some_reads_are_short():
    assert max([len((await history(seed))[1]) for seed in range(10)]) > 1


async def test_a_simulation_may_strike_at_the_nth_call(log):
    class Crash(Exception):
        pass

    class Third(Faults):
        calls = 0

        def after(self, call, topic):
            self.calls += 1
            if self.calls == 3:
                raise Crash

    log.faults = Third()
    for _ in range(2):
        await log.append("events", 0, numbered(1))
    with pytest.raises(Crash):
        await log.append("events", 0, numbered(1))
    assert await log.ends("events", [0]) == {0: 3}


async def test_a_batch_can_be_walked_only_once(log):
    await log.append("events", 0, numbered(2))
    reader = log.reader()
    reader.seek("events", 0, 0)
    ((_, _, (batch,), _, _),) = await reader.read(0)
    assert len(list(batch)) == 2
    assert list(batch) == []


async def test_no_call_waits_when_reads_have_no_patience(log):
    async def life():
        reader = log.reader()
        reader.seek("events", 0, 0)
        await log.append("events", 0, numbered(1))
        await reader.read(0)
        await reader.read(0)
        await log.commit("group", "events", {0: 1})
        await log.ends_as_of(["events"], [0])
        await log.committed("group", "events", [0])

    with pytest.raises(StopIteration):
        life().send(None)


async def test_a_patient_read_gives_up_in_time(log):
    reader = log.reader()
    reader.seek("events", 0, 0)
    assert await reader.read(0.01) == []
    assert (await asyncio.gather(reader.read(30), log.append("events", 0, numbered(1))))[0]


async def test_retention_moves_the_start_and_keeps_offsets(log, clock):
    await log.append("events", 0, numbered(2))
    clock.now_ms = 1_500
    await log.append("events", 0, numbered(1, 2))
    clock.now_ms = 2_001
    assert log.retain() == 2
    assert await log.starts("events", [0, 1]) == {0: 2, 1: 0}
    assert await contents(log, "events") == [(2, b"k2", b"v2")]
    clock.now_ms = 9_000
    assert log.retain() == 1
    assert (await log.append("events", 0, numbered(1))).first_offset == 3


async def test_compaction_keeps_the_newest_record_of_a_key(log, clock):
    await log.append("state", 0, [NewRecord(b"a", b"1"), NewRecord(b"b", b"1"), NewRecord(None, b"?")])
    await log.append("state", 0, [NewRecord(b"a", b"2"), NewRecord(b"b", None)])
    assert log.compact(tombstone_retention_ms=500) == 2
    assert await contents(log, "state") == [(2, None, b"?"), (3, b"a", b"2"), (4, b"b", None)]
    clock.now_ms = 1_501
    assert log.compact(tombstone_retention_ms=500) == 1
    assert await contents(log, "state") == [(2, None, b"?"), (3, b"a", b"2")]
    assert await log.ends("state", [0]) == {0: 5}
    assert log.compact() == 0


async def test_reading_starts_at_what_is_left_when_the_position_was_compacted_away(log):
    for n in range(4):
        await log.append("state", 0, [NewRecord(b"a", b"%d" % n)])
    log.compact()
    reader = log.reader()
    reader.seek("state", 0, 1)
    (chunk,) = await reader.read(0)
    assert [(r.offset, r.value) for batch in chunk.batches for r in batch] == [(3, b"3")]
    assert chunk.next_offset == 4
