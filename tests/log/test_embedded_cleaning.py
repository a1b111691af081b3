"""Retention and compaction of the embedded log."""

from random import Random

import pytest

from octyseg.log.embedded_cleaning import Plan
from octyseg.log.embedded_rows import EmbeddedRecord
from octyseg.log.port import NewRecord, TopicSpec, read_through
from tests.log.promises import collect, numbered

EVENTS = TopicSpec("events", 2, compacted=False, retention_ms=1_000)
STATE = TopicSpec("state", 2, compacted=True, retention_ms=-1)


class Clock:
    now_ms = 1_000

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
async def log(open_embedded, clock):
    log = await open_embedded(clock=clock)
    await log.create_topics([EVENTS, STATE])
    return log


async def contents(log, topic, partition=0):
    end = (await log.ends(topic, [partition]))[partition]
    return [(r.offset, r.key, r.value) async for r in read_through(log, topic, partition, 0, end)]


async def test_retention_drops_batches_whose_last_record_is_too_old(log, clock):
    for now in (1_000, 1_400, 1_800):
        clock.now_ms = now
        await log.append("events", 0, numbered(2, now))
    clock.now_ms = 2_401
    assert await log.retain() == 4
    assert await log.starts("events", [0, 1]) == {0: 4, 1: 0}
    assert await log.ends("events", [0]) == {0: 6}
    assert [offset for offset, _, _ in await contents(log, "events")] == [4, 5]
    assert await log.retain() == 0


async def test_a_record_exactly_as_old_as_the_retention_stays(log, clock):
    await log.append("events", 0, numbered(1))
    clock.now_ms = 2_000
    assert await log.retain() == 0
    clock.now_ms = 2_001
    assert await log.retain() == 1


async def test_offsets_go_on_after_everything_was_dropped(log, clock, open_embedded):
    await log.append("events", 0, numbered(3))
    clock.now_ms = 9_000
    assert await log.retain() == 3
    await log.close()
    again = await open_embedded(clock=clock)
    assert await again.starts("events", [0]) == await again.ends("events", [0]) == {0: 3}
    assert (await again.append("events", 0, numbered(1))).first_offset == 3


async def test_a_reader_behind_the_start_goes_on_at_the_start(log, clock):
    await log.append("events", 0, numbered(3))
    clock.now_ms = 9_000
    await log.append("events", 0, numbered(2, 3))
    await log.retain()
    reader = log.reader()
    reader.seek("events", 0, 1)
    assert [offset for offset, _, _ in (await collect(reader, 2))["events", 0]] == [3, 4]


async def test_retention_of_much_happens_in_steps_and_takes_all(log, clock, monkeypatch):
    monkeypatch.setattr("octyseg.log.embedded_cleaning._RETAIN_BYTES", 500)
    for start in range(0, 200, 10):
        await log.append("events", 0, numbered(10, start))
    clock.now_ms = 9_000
    assert await log.retain() == 200


async def test_topics_that_are_kept_for_ever_and_compacted_ones_are_not_retained(log, clock):
    await log.create_topics([TopicSpec("for-ever", 1, compacted=False, retention_ms=-1)])
    await log.append("for-ever", 0, numbered(1))
    await log.append("state", 0, numbered(1))
    clock.now_ms = 10**12
    assert await log.retain() == 0


async def test_compaction_keeps_the_newest_record_of_each_key_at_its_offset(log):
    await log.append("state", 0, [NewRecord(b"a", b"1"), NewRecord(b"b", b"1"), NewRecord(None, b"?")])
    await log.append("state", 0, [NewRecord(b"a", b"2", (("h", b"x"),)), NewRecord(b"c", b"1")])
    await log.append("events", 0, [NewRecord(b"a", b"1"), NewRecord(b"a", b"2")])
    assert await log.compact() == 1
    assert await contents(log, "state") == [(1, b"b", b"1"), (2, None, b"?"), (3, b"a", b"2"), (4, b"c", b"1")]
    assert len(await contents(log, "events")) == 2
    assert await log.ends("state", [0]) == {0: 5}
    assert (await log.append("state", 0, numbered(1))).first_offset == 5


async def test_tombstones_go_once_slow_readers_have_had_their_time(log, clock):
    await log.append("state", 0, [NewRecord(b"a", b"1"), NewRecord(b"b", b"1"), NewRecord(b"a", None)])
    assert await log.compact(tombstone_retention_ms=500) == 1
    assert await contents(log, "state") == [(1, b"b", b"1"), (2, b"a", None)]
    clock.now_ms = 1_501
    assert await log.compact(min_dirty_ratio=0, tombstone_retention_ms=500) == 1
    assert await contents(log, "state") == [(1, b"b", b"1")]


async def test_a_partition_of_which_nothing_is_left_can_still_be_read_through(log):
    await log.append("state", 0, [NewRecord(b"a", b"1"), NewRecord(b"a", None)])
    await log.compact(tombstone_retention_ms=-1)
    assert await contents(log, "state") == []
    reader = log.reader()
    reader.seek("state", 0, 0)
    (chunk,) = await reader.read(0)
    assert chunk.next_offset == 2
    assert [record for batch in chunk.batches for record in batch] == []


async def test_a_partition_with_little_new_is_left_alone(log):
    await log.append("state", 0, numbered(10))
    assert await log.compact() == 0
    await log.append("state", 0, numbered(4))
    assert await log.compact() == 0
    await log.append("state", 0, numbered(6))
    assert await log.compact() == 10
    assert await log.compact(min_dirty_ratio=0) == 0


async def test_small_batches_are_joined_to_few(log):
    for n in range(50):
        await log.append("state", 0, [NewRecord(b"%d" % (n % 30), b"%d" % n)])
    assert await log.compact() == 20
    reader = log.reader()
    reader.seek("state", 0, 7)
    (chunk,) = await reader.read(0)
    assert len(chunk.batches) == 1
    assert [record.offset for record in chunk.batches[0]] == list(range(20, 50))


async def test_what_is_appended_while_compaction_runs_is_kept(log, open_embedded, clock):
    other = await open_embedded(clock=clock)
    newest = {}
    random = Random(4)
    for n in range(60):
        key = b"k%d" % random.randrange(12)
        value = None if random.random() < 0.2 else b"%d" % n
        newest[key] = value
        await (log, other)[n % 2].append("state", 1, [NewRecord(key, value)])
        if n % 7 == 0:
            # Both compact at once, as two processes might.
            first, second = log.compact(min_dirty_ratio=0), other.compact(min_dirty_ratio=0)
            await first
            await second
    await log.compact(min_dirty_ratio=0, tombstone_retention_ms=-1)
    kept = await contents(log, "state", 1)
    assert {key: value for _, key, value in kept} == {k: v for k, v in newest.items() if v is not None}
    assert len({key for _, key, _ in kept}) == len(kept)


def test_a_plan_keeps_what_it_does_not_know():
    plan = Plan({b"a": 3}, stop=5, horizon_ms=0)
    assert plan.keeps(EmbeddedRecord(5, 1, b"new", b"1"))
    assert plan.keeps(EmbeddedRecord(6, 1, b"a", b"2"))
    assert plan.keeps(EmbeddedRecord(3, 1, b"a", b"1"))
    assert not plan.keeps(EmbeddedRecord(2, 1, b"a", b"0"))


async def test_compaction_in_steps_gives_what_one_step_gives(log, monkeypatch):
    monkeypatch.setattr("octyseg.log.embedded_cleaning.ROW_RECORDS", 7)
    random = Random(9)
    written = [NewRecord(b"k%d" % random.randrange(40), b"%d" % n) for n in range(300)]
    for start in range(0, 300, 5):
        await log.append("state", 0, written[start : start + 5])
    newest = {record.key: offset for offset, record in enumerate(written)}
    assert await log.compact() == 260
    assert await contents(log, "state") == [
        (offset, key, written[offset].value) for key, offset in sorted(newest.items(), key=lambda item: item[1])
    ]
