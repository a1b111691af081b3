"""The log on a real Kafka broker: the promises, and what only a broker can show."""

import asyncio
import time

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic, RecordsToDelete

from octyseg.errors import LogUnavailable, UsageError
from octyseg.log.kafka import KafkaLog
from octyseg.log.port import NewRecord, read_through
from tests.log.promises import DEADLINE_S, LogPromises, numbered
from tests.log.topics_elsewhere import made, made_elsewhere

pytestmark = pytest.mark.kafka


@pytest.fixture
def open_log(open_kafka):
    return open_kafka


class TestKafkaKeepsThePromises(LogPromises):
    """The suite of every adapter."""


async def plain_read(server, topic, count, position=0):
    """What a consumer that was not prepared reads of partition 0, and where it goes on."""
    place = TopicPartition(topic, 0)
    consumer = AIOKafkaConsumer(bootstrap_servers=server, isolation_level="read_committed")
    await consumer.start()
    try:
        consumer.assign([place])
        consumer.seek(place, position)
        found = []
        deadline = time.monotonic() + DEADLINE_S
        while len(found) < count:
            assert time.monotonic() < deadline, f"{len(found)} of {count}"
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found += [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in records]
        return found
    finally:
        await consumer.stop()


async def batched_read(log, topic, stop, position=0):
    records = read_through(log, topic, 0, position, stop)
    return [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) async for r in records]


@pytest.mark.parametrize("compression", [None, "gzip", "snappy", "lz4", "zstd"])
async def test_what_any_producer_compressed_is_read_as_a_plain_consumer_reads_it(
    open_log, kafka_broker, topic_name, compression
):
    log = await open_log()
    topic = await made(log, topic_name())
    producer = AIOKafkaProducer(bootstrap_servers=kafka_broker.server, compression_type=compression, linger_ms=20)
    await producer.start()
    for n in range(300):
        await producer.send(topic, b"v%d" % n * 9, key=b"k%d" % n, partition=0, headers=[("n", b"%d" % n)])
    await producer.stop()
    read = await batched_read(log, topic, 300, position=57)
    assert read == await plain_read(kafka_broker.server, topic, 243, position=57)
    assert [offset for offset, *_ in read] == list(range(57, 300))


async def test_our_own_appends_can_be_compressed(open_log, topic_name):
    log = await open_log(compression="zstd")
    topic = await made(log, topic_name())
    await log.append(topic, 0, numbered(50, size=500))
    assert [value for _, _, _, value, _ in await batched_read(log, topic, 50)] == [
        r.value for r in numbered(50, size=500)
    ]


async def test_transactions_are_read_when_committed_and_skipped_when_rolled_back(open_log, kafka_broker, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    producer = AIOKafkaProducer(bootstrap_servers=kafka_broker.server, transactional_id=topic)
    await producer.start()
    for n in range(4):
        await producer.begin_transaction()
        await producer.send_and_wait(topic, b"%d" % n, partition=0)
        await (producer.commit_transaction() if n % 2 == 0 else producer.abort_transaction())
    await producer.stop()
    end = (await log.ends(topic, [0]))[0]
    read = await batched_read(log, topic, end)
    assert [value for _, _, _, value, _ in read] == [b"0", b"2"]
    assert read == await plain_read(kafka_broker.server, topic, 2)
    assert end == 8, "each transaction ends with a mark that has an offset and no record"


async def test_what_an_open_transaction_wrote_has_arrived_and_cannot_be_read(open_log, kafka_broker, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    await log.append(topic, 0, numbered(1))
    async with (
        AIOKafkaProducer(bootstrap_servers=kafka_broker.server, transactional_id=topic) as producer,
        producer.transaction(),
    ):
        await producer.send_and_wait(topic, b"later", partition=0)
        assert await log.ends(topic, [0]) == {0: 1}
        assert (await log.ends_as_of([topic], [0]))[1] == {(topic, 0): 2}
    # The commit is answered before its mark stands in the partition.
    read = await batched_read(log, topic, 3)
    assert [value for _, _, _, value, _ in read][1:] == [b"later"]
    assert await log.ends(topic, [0]) == {0: 3}
    assert (await log.ends_as_of([topic], [0]))[1] == {(topic, 0): 3}


async def test_compacted_partitions_are_read_past_their_gaps_as_a_plain_consumer_reads_them(
    open_log, admin, kafka_broker, topic_name
):
    log = await open_log()
    topic = topic_name()
    configs = {
        "cleanup.policy": "compact",
        "segment.bytes": "1048576",
        "segment.ms": "100",
        "min.cleanable.dirty.ratio": "0.01",
        "message.timestamp.type": "LogAppendTime",
    }
    await made_elsewhere(admin, NewTopic(topic, 1, 1, topic_configs=configs))
    for n in range(30):
        await log.append(topic, 0, [NewRecord(b"k%d" % (m % 7), b"%d-%d" % (n, m)) for m in range(20)])
    deadline = time.monotonic() + DEADLINE_S
    read = await batched_read(log, topic, 600)
    while len(read) > 300:
        assert time.monotonic() < deadline, "the broker did not compact"
        # A segment is cleaned only once a newer one was begun.
        await log.append(topic, 0, [NewRecord(b"roll", b"")])
        read = await batched_read(log, topic, 600)
    end = (await log.ends(topic, [0]))[0]
    for position in (0, 100, 599):
        before, wanted = None, await plain_read(kafka_broker.server, topic, 1, position)
        while before != wanted:
            assert time.monotonic() < deadline, "the broker does not end to compact"
            before, read = wanted, await batched_read(log, topic, end, position)
            wanted = await plain_read(kafka_broker.server, topic, 1, position)
        assert read[: len(wanted)] == wanted
    assert [offset for offset, *_ in read][-1] == end - 1


async def test_an_append_waits_for_a_broker_that_is_killed_and_comes_back_and_is_written_once(
    mortal_broker, open_log, topic_name
):
    log = await open_log(mortal_broker.server)
    topic = await made(log, topic_name(), 2)
    await log.append(topic, 0, numbered(1))
    mortal_broker.kill()
    appends = [asyncio.create_task(log.append(topic, n % 2, numbered(1, n))) for n in range(1, 7)]
    await asyncio.to_thread(mortal_broker.start)
    acknowledged = await asyncio.gather(*appends)
    assert all(one.next_offset == one.first_offset + 1 for one in acknowledged)
    assert await log.ends(topic, [0, 1]) == {0: 4, 1: 3}
    kept = await batched_read(log, topic, 4)
    assert [key for _, _, key, _, _ in kept] == [b"k0", b"k2", b"k4", b"k6"]


async def test_a_reader_goes_on_after_its_broker_was_killed(mortal_broker, open_log, topic_name):
    log = await open_log(mortal_broker.server)
    topic = await made(log, topic_name())
    await log.append(topic, 0, numbered(3))
    reader = log.reader()
    reader.seek(topic, 0, 0)
    offsets = [r.offset for chunk in await reader.read(DEADLINE_S) for batch in chunk.batches for r in batch]
    mortal_broker.kill()
    assert await reader.read(0.3) == []
    await asyncio.to_thread(mortal_broker.start)
    await log.append(topic, 0, numbered(2, 3))
    deadline = time.monotonic() + DEADLINE_S
    while len(offsets) < 5:
        assert time.monotonic() < deadline
        offsets += [r.offset for chunk in await reader.read(0.5) for batch in chunk.batches for r in batch]
    await reader.close()
    assert offsets == [0, 1, 2, 3, 4]


async def test_an_append_without_a_broker_gives_up_and_is_never_written_later(mortal_broker, open_log, topic_name):
    log = await open_log(mortal_broker.server, patience_s=1.0, request_timeout_s=1.0)
    topic = await made(log, topic_name())
    await log.append(topic, 0, numbered(1))
    mortal_broker.kill()
    with pytest.raises(LogUnavailable, match=f"appending to {topic}-0"):
        await log.append(topic, 0, numbered(1, 1))
    with pytest.raises(LogUnavailable, match="asking for ends"):
        await log.ends(topic, [0])
    await asyncio.to_thread(mortal_broker.start)
    again = await open_log(mortal_broker.server)
    await again.append(topic, 0, numbered(1, 2))
    assert [key for _, _, key, _, _ in await batched_read(again, topic, 2)] == [b"k0", b"k2"]
    assert (await log.append(topic, 0, numbered(1, 3))).first_offset == 2, "a new producer took the old one's place"


async def test_a_reader_that_found_no_broker_finds_it_at_a_later_read(mortal_broker, open_log, topic_name):
    log = await open_log(mortal_broker.server, patience_s=1.0, request_timeout_s=1.0)
    topic = await made(log, topic_name())
    await log.append(topic, 0, numbered(2))
    mortal_broker.kill()
    reader = log.reader()
    reader.seek(topic, 0, 0)
    with pytest.raises(LogUnavailable, match="connecting"):
        await reader.read(0.1)
    await asyncio.to_thread(mortal_broker.start)
    (chunk,) = await reader.read(DEADLINE_S)
    await reader.close()
    assert chunk.next_offset == 2


async def test_a_log_without_a_broker_says_where_it_looked():
    log = KafkaLog(["127.0.0.1:9"], patience_s=0.3)
    with pytest.raises(LogUnavailable, match=r"connecting at kafka 127\.0\.0\.1:9"):
        await log.start()


async def test_a_record_above_the_limit_is_refused_by_name_and_its_neighbours_are_not(open_log, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    with pytest.raises(UsageError, match=rf"{topic}-0: a record of 1,5\d\d,\d\d\d bytes"):
        await log.append(topic, 0, [NewRecord(b"key", b"x" * 1_500_000)])
    assert (await log.append(topic, 0, numbered(1))).first_offset == 0


async def test_a_batch_that_the_topic_does_not_take_is_refused_by_name(open_log, admin, topic_name):
    log = await open_log()
    topic = topic_name()
    configs = {"max.message.bytes": "2000", "message.timestamp.type": "LogAppendTime"}
    await made_elsewhere(admin, NewTopic(topic, 1, 1, topic_configs=configs))
    with pytest.raises(UsageError, match=f"{topic}-0.*max.message.bytes"):
        await log.append(topic, 0, numbered(1, size=5_000))
    assert (await log.append(topic, 0, numbered(1))).first_offset == 0


async def test_an_append_of_megabytes_is_written_as_several_batches_in_order(open_log, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    appended = await log.append(topic, 0, numbered(4_000, size=800))
    assert (appended.first_offset, appended.next_offset) == (0, 4_000)
    assert [key for _, _, key, _, _ in await batched_read(log, topic, 4_000)] == [r.key for r in numbered(4_000)]


async def test_a_partition_that_is_not_there_is_named(open_log, topic_name):
    log = await open_log()
    topic = await made(log, topic_name(), 2)
    with pytest.raises(UsageError, match=f"{topic} has no partition 2"):
        await log.append(topic, 2, numbered(1))
    with pytest.raises(UsageError, match=f"{topic} has no partition 5"):
        await log.ends(topic, [0, 5])


async def test_the_time_of_the_log_needs_an_append_and_never_runs_ahead(open_log, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    assert (await log.ends_as_of([topic], [0]))[0] == 0
    appended = await log.append(topic, 0, numbered(1))
    told_ms, _ = await log.ends_as_of([topic], [0])
    assert appended.timestamp <= told_ms <= (await log.append(topic, 0, numbered(1))).timestamp


async def test_a_group_with_live_members_commits_for_itself(open_log, kafka_broker, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    member = AIOKafkaConsumer(topic, bootstrap_servers=kafka_broker.server, group_id=f"{topic}.group")
    await member.start()
    with pytest.raises(UsageError, match="live members"):
        await log.commit(f"{topic}.group", topic, {0: 0})
    await member.stop()


async def test_a_position_that_retention_has_overtaken_goes_on_at_the_start(open_log, admin, topic_name):
    log = await open_log()
    topic = await made(log, topic_name())
    await log.append(topic, 0, numbered(10))
    await admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=6)})
    assert await log.starts(topic, [0]) == {0: 6}
    assert [offset for offset, *_ in await batched_read(log, topic, 10, position=2)] == [6, 7, 8, 9]
