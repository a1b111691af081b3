"""The promises of octyseg.log.port as one suite that every adapter passes.

An adapter's test file subclasses LogPromises under a name that starts with Test and gives one
fixture, `open_log`: an async function without arguments that returns a started Log. Every call opens
another client of the same log, and the fixture closes them all. `topic_name` comes from conftest.
"""

import asyncio
import time
from collections import defaultdict

import pytest

from octyseg.errors import UsageError
from octyseg.log.port import NewRecord, TopicSpec, read_through

DEADLINE_S = 30.0
HOUR_MS = 3_600_000


def numbered(count, start=0, size=0):
    """Records whose keys and values tell their number."""
    return [NewRecord(b"k%d" % n, b"v%d" % n + b"." * size) for n in range(start, start + count)]


def bare(record):
    """A record as it was given to append, however the adapter's own record type looks."""
    key, value = record.key, record.value
    headers = tuple((name, bytes(content)) for name, content in record.headers)
    return NewRecord(None if key is None else bytes(key), None if value is None else bytes(value), headers)


async def collect(reader, count):
    """What reads bring until `count` records came, by (topic, partition), as read; checks what every chunk owes."""
    found = defaultdict(list)
    deadline = time.monotonic() + DEADLINE_S
    while sum(map(len, found.values())) < count:
        assert time.monotonic() < deadline, f"only {dict(found)} of {count} records came in {DEADLINE_S} s"
        chunks = await reader.read(0.5)
        places = [(chunk.topic, chunk.partition) for chunk in chunks]
        assert len(places) == len(set(places)), "more than one chunk of a partition in one read"
        for chunk in chunks:
            records = [(r.offset, r.timestamp, bare(r)) for batch in chunk.batches for r in batch]
            offsets = [offset for offset, _, _ in records]
            assert offsets == sorted(set(offsets))
            assert all(offset < chunk.next_offset for offset in offsets)
            assert chunk.generation == 0
            found[chunk.topic, chunk.partition] += records
    return found


async def read_partition(log, topic, partition, start, count):
    """`count` records from `start` on, through a reader of its own."""
    reader = log.reader()
    try:
        reader.seek(topic, partition, start)
        return (await collect(reader, count))[topic, partition]
    finally:
        await reader.close()


class LogPromises:
    @pytest.fixture
    async def log(self, open_log):
        return await open_log()

    @pytest.fixture
    async def topic(self, log, topic_name):
        """A fresh topic with three partitions."""
        name = topic_name()
        await log.create_topics([TopicSpec(name, 3, compacted=False, retention_ms=HOUR_MS)])
        return name

    # Topics

    async def test_creating_topics_returns_what_was_missing(self, log, topic_name):
        plain = TopicSpec(topic_name(), 3, compacted=False, retention_ms=HOUR_MS)
        compacted = TopicSpec(topic_name(), 1, compacted=True, retention_ms=-1)
        assert await log.create_topics([plain]) == [plain.name]
        assert await log.create_topics([plain, compacted]) == [compacted.name]
        assert await log.create_topics([plain, compacted]) == []
        assert await log.create_topics([]) == []

    async def test_topics_are_described_as_they_were_made_sorted_by_name(self, log, topic_name):
        plain = TopicSpec(topic_name(), 3, compacted=False, retention_ms=HOUR_MS)
        compacted = TopicSpec(topic_name(), 1, compacted=True, retention_ms=-1)
        await log.create_topics([compacted, plain])
        described = await log.describe_topics()
        assert [spec for spec in described if spec.name in {plain.name, compacted.name}] == [plain, compacted]
        assert described == sorted(described, key=lambda spec: spec.name)

    async def test_a_topic_with_other_partitions_is_refused_with_both_counts(self, log, topic):
        with pytest.raises(UsageError) as refused:
            await log.create_topics([TopicSpec(topic, 7, compacted=False, retention_ms=HOUR_MS)])
        message = str(refused.value)
        assert topic in message
        assert "3" in message.replace(topic, "")
        assert "7" in message.replace(topic, "")
        assert await log.partitions(topic) == 3

    async def test_another_client_sees_the_topic_and_its_partitions(self, log, topic, open_log):
        assert await (await open_log()).partitions(topic) == 3

    async def test_an_unknown_topic_is_named(self, log, topic_name):
        missing = topic_name()
        with pytest.raises(UsageError, match=missing):
            await log.partitions(missing)

    # Appending

    async def test_acknowledged_offsets_follow_each_other(self, log, topic):
        first = await log.append(topic, 0, numbered(3))
        second = await log.append(topic, 0, numbered(2, 3))
        assert (first.first_offset, first.next_offset) == (0, 3)
        assert (second.first_offset, second.next_offset) == (3, 5)

    async def test_each_partition_counts_its_own_offsets(self, log, topic):
        await log.append(topic, 0, numbered(3))
        other = await log.append(topic, 2, numbered(1))
        assert (other.first_offset, other.next_offset) == (0, 1)
        assert await log.ends(topic, [0, 1, 2]) == {0: 3, 1: 0, 2: 1}

    async def test_records_are_kept_byte_for_byte(self, log, topic):
        records = [
            NewRecord(b"key", b"value"),
            NewRecord(None, b"no key"),
            NewRecord(b"tombstone", None),
            NewRecord(None, None),
            NewRecord(b"", b""),
            NewRecord(bytes(range(256)), bytes(range(255, -1, -1)) * 40),
            NewRecord("é☃".encode(), b"\xff\xfe", (("reason", b"future"), ("reason", b"\x00"), ("empty", b""))),
        ]
        await log.append(topic, 1, records)
        kept = await read_partition(log, topic, 1, 0, len(records))
        assert [record for _, _, record in kept] == records

    async def test_concurrent_appends_keep_each_append_together(self, log, topic, open_log):
        writers = [log, await open_log()]

        async def write(number):
            records = [NewRecord(b"%d" % number, b"%d" % n) for n in range(7)]
            return number, await writers[number % 2].append(topic, 0, records)

        acknowledged = await asyncio.gather(*(write(number) for number in range(40)))
        kept = await read_partition(log, topic, 0, 0, 280)
        by_offset = {offset: record for offset, _, record in kept}
        assert sorted(by_offset) == list(range(280))
        for number, appended in acknowledged:
            assert appended.next_offset - appended.first_offset == 7
            span = [by_offset[offset] for offset in range(appended.first_offset, appended.next_offset)]
            assert span == [NewRecord(b"%d" % number, b"%d" % n) for n in range(7)]

    async def test_appends_of_one_task_arrive_in_order(self, log, topic):
        for n in range(20):
            await log.append(topic, 0, numbered(1, n))
        kept = await read_partition(log, topic, 0, 0, 20)
        assert [record for _, _, record in kept] == numbered(20)

    async def test_the_log_sets_the_time_of_arrival_and_never_goes_back(self, log, topic, open_log):
        other = await open_log()
        times = []
        for n in range(6):
            appended = await (log, other)[n % 2].append(topic, 0, numbered(2, 2 * n))
            times += [appended.timestamp] * 2
        kept = await read_partition(log, topic, 0, 0, 12)
        assert [timestamp for _, timestamp, _ in kept] == times
        assert times == sorted(times)

    async def test_large_appends_come_back_whole(self, log, topic):
        for start in range(0, 3_000, 500):
            await log.append(topic, 0, numbered(500, start, size=300))
        kept = await read_partition(log, topic, 0, 0, 3_000)
        assert [offset for offset, _, _ in kept] == list(range(3_000))
        assert [record for _, _, record in kept] == numbered(3_000, size=300)

    # Reading

    async def test_nothing_below_the_position_asked_for_is_read(self, log, topic):
        await log.append(topic, 0, numbered(10))
        kept = await read_partition(log, topic, 0, 6, 4)
        assert [(offset, record) for offset, _, record in kept] == list(enumerate(numbered(10)))[6:]

    async def test_every_record_is_read_once_over_several_reads(self, log, topic):
        reader = log.reader()
        reader.seek(topic, 0, 0)
        reader.seek(topic, 1, 0)
        seen = {(topic, 0): [], (topic, 1): []}
        for n in range(5):
            await log.append(topic, n % 2, numbered(3, 3 * n))
            for place, records in (await collect(reader, 3)).items():
                seen[place] += records
        await reader.close()
        assert [record for _, _, record in seen[topic, 0]] == numbered(3) + numbered(3, 6) + numbered(3, 12)
        assert [record for _, _, record in seen[topic, 1]] == numbered(3, 3) + numbered(3, 9)
        assert [offset for offset, _, _ in seen[topic, 0]] == list(range(9))

    async def test_a_chunk_ends_where_reading_goes_on(self, log, topic):
        await log.append(topic, 0, numbered(4))
        reader = log.reader()
        reader.seek(topic, 0, 1)
        position = 1
        while position < 4:
            for chunk in await reader.read(1.0):
                assert (chunk.topic, chunk.partition) == (topic, 0)
                assert [record.offset for batch in chunk.batches for record in batch][-1] == chunk.next_offset - 1
                position = chunk.next_offset
        await reader.close()
        assert position == 4

    async def test_reading_on_from_elsewhere_forgets_the_old_position(self, log, topic):
        await log.append(topic, 0, numbered(6))
        reader = log.reader()
        reader.seek(topic, 0, 0)
        await collect(reader, 6)
        reader.seek(topic, 0, 2)
        again = (await collect(reader, 4))[topic, 0]
        reader.seek(topic, 0, 5)
        last = (await collect(reader, 1))[topic, 0]
        await reader.close()
        assert [offset for offset, _, _ in again] == [2, 3, 4, 5]
        assert [offset for offset, _, _ in last] == [5]

    async def test_a_dropped_partition_is_not_read(self, log, topic):
        reader = log.reader()
        reader.seek(topic, 0, 0)
        reader.seek(topic, 1, 0)
        reader.drop(topic, 0)
        await log.append(topic, 0, numbered(2))
        await log.append(topic, 1, numbered(2))
        assert set(await collect(reader, 2)) == {(topic, 1)}
        assert await reader.read(0.2) == []
        await reader.close()

    async def test_a_partition_that_was_never_assigned_can_be_dropped(self, log, topic):
        reader = log.reader()
        reader.drop(topic, 0)
        assert await reader.read(0) == []
        await reader.close()

    async def test_readers_do_not_share_positions(self, log, topic):
        await log.append(topic, 0, numbered(5))
        first, second = log.reader(), log.reader()
        first.seek(topic, 0, 0)
        await collect(first, 5)
        second.seek(topic, 0, 3)
        assert [offset for offset, _, _ in (await collect(second, 2))[topic, 0]] == [3, 4]
        await first.close()
        await second.close()

    async def test_a_reader_reads_several_topics(self, log, topic, topic_name):
        other = topic_name()
        await log.create_topics([TopicSpec(other, 1, compacted=False, retention_ms=HOUR_MS)])
        await log.append(topic, 2, numbered(2))
        await log.append(other, 0, numbered(3))
        reader = log.reader()
        reader.seek(topic, 2, 0)
        reader.seek(other, 0, 0)
        found = await collect(reader, 5)
        await reader.close()
        assert {place: len(records) for place, records in found.items()} == {(topic, 2): 2, (other, 0): 3}

    async def test_a_read_without_patience_brings_nothing_from_an_empty_partition(self, log, topic):
        reader = log.reader()
        reader.seek(topic, 0, 0)
        assert await reader.read(0) == []
        await reader.close()

    @pytest.mark.parametrize("by_another_client", [False, True])
    async def test_a_waiting_reader_wakes_when_something_is_appended(self, log, topic, open_log, by_another_client):
        writer = await open_log() if by_another_client else log
        await log.append(topic, 0, numbered(1))
        reader = log.reader()
        reader.seek(topic, 0, 1)
        waiting = asyncio.create_task(reader.read(DEADLINE_S))
        await writer.append(topic, 0, numbered(1, 1))
        (chunk,) = await waiting
        await reader.close()
        assert [(record.offset, bare(record)) for batch in chunk.batches for record in batch] == [
            (1, NewRecord(b"k1", b"v1"))
        ]

    async def test_a_cancelled_read_loses_nothing(self, log, topic):
        reader = log.reader()
        reader.seek(topic, 0, 0)
        for _ in range(3):
            waiting = asyncio.create_task(reader.read(DEADLINE_S))
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.wait([waiting])
        await log.append(topic, 0, numbered(4))
        found = await collect(reader, 4)
        await reader.close()
        assert [record for _, _, record in found[topic, 0]] == numbered(4)

    # Ends, starts and the log's time

    async def test_ends_and_starts_of_an_empty_partition_are_zero(self, log, topic):
        assert await log.ends(topic, [0, 1]) == {0: 0, 1: 0}
        assert await log.starts(topic, [0, 1]) == {0: 0, 1: 0}

    async def test_the_end_is_the_offset_that_the_next_record_gets(self, log, topic):
        for count in (1, 4):
            end = (await log.ends(topic, [0]))[0]
            assert (await log.append(topic, 0, numbered(count))).first_offset == end
        assert await log.ends(topic, [0]) == {0: 5}
        assert await log.starts(topic, [0]) == {0: 0}

    async def test_the_end_covers_what_another_client_had_acknowledged(self, log, topic, open_log):
        other = await open_log()
        for n in range(1, 4):
            await other.append(topic, 0, numbered(1))
            assert await log.ends(topic, [0]) == {0: n}

    async def test_the_logs_time_lies_between_the_appends_around_the_question(self, log, topic):
        for n in range(1, 4):
            before = await log.append(topic, 0, numbered(1))
            now_ms, ends = await log.ends_as_of([topic], [0, 2])
            after = await log.append(topic, 2, numbered(1))
            assert before.timestamp <= now_ms <= after.timestamp
            assert ends == {(topic, 0): n, (topic, 2): n - 1}

    async def test_the_ends_of_several_topics_come_with_one_time(self, log, topic, topic_name):
        other = topic_name()
        await log.create_topics([TopicSpec(other, 3, compacted=False, retention_ms=HOUR_MS)])
        await log.append(other, 1, numbered(2))
        now_ms, ends = await log.ends_as_of([topic, other], [0, 1])
        assert now_ms > 0
        assert ends == {(topic, 0): 0, (topic, 1): 0, (other, 0): 0, (other, 1): 2}

    # Commits

    async def test_a_group_that_never_committed_has_no_offset(self, log, topic):
        assert await log.committed(f"{topic}.group", topic, [0, 1]) == {0: None, 1: None}

    async def test_commits_are_kept_per_group_and_partition(self, log, topic, open_log):
        await log.append(topic, 0, numbered(9))
        await log.append(topic, 1, numbered(9))
        await log.commit(f"{topic}.one", topic, {0: 3, 1: 5})
        await log.commit(f"{topic}.two", topic, {1: 0})
        await log.commit(f"{topic}.one", topic, {0: 7})
        for client in (log, await open_log()):
            assert await client.committed(f"{topic}.one", topic, [0, 1, 2]) == {0: 7, 1: 5, 2: None}
            assert await client.committed(f"{topic}.two", topic, [0, 1]) == {0: None, 1: 0}

    async def test_a_commit_moves_no_reader(self, log, topic):
        await log.append(topic, 0, numbered(4))
        reader = log.reader()
        reader.seek(topic, 0, 1)
        await log.commit(f"{topic}.group", topic, {0: 3})
        found = await collect(reader, 3)
        await reader.close()
        assert [offset for offset, _, _ in found[topic, 0]] == [1, 2, 3]

    # Reading through

    async def test_reading_through_gives_exactly_what_lies_between(self, log, topic):
        for start in range(0, 12, 4):
            await log.append(topic, 0, numbered(4, start))
        found = [(record.offset, bare(record)) async for record in read_through(log, topic, 0, 2, 9)]
        assert found == list(enumerate(numbered(12)))[2:9]

    async def test_reading_through_nothing_ends_at_once(self, log, topic):
        assert [record async for record in read_through(log, topic, 0, 5, 5)] == []

    # Lives

    async def test_what_was_acknowledged_outlives_the_client(self, topic, open_log):
        first = await open_log()
        appended = await first.append(topic, 0, numbered(5))
        await first.commit(f"{topic}.group", topic, {0: 2})
        await first.close()
        second = await open_log()
        kept = await read_partition(second, topic, 0, 0, 5)
        assert [record for _, _, record in kept] == numbered(5)
        assert {timestamp for _, timestamp, _ in kept} == {appended.timestamp}
        assert await second.committed(f"{topic}.group", topic, [0]) == {0: 2}
