"""The one private hook into aiokafka, held against aiokafka's own walk over the same bytes."""

import struct

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from octyseg.errors import LogDamaged
from octyseg.log import kafka_batches
from octyseg.log.kafka_batches import FetchedRecords, chunk_of, cut_below, keep_batches, start_of

PLACE = TopicPartition("events", 3)
CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
TRANSACTIONAL, CONTROL = 0x10, 0x20
ATTRIBUTES_AT, LAST_DELTA_AT, CRC_AT = 21, 23, 17


def batch(base, offsets, *, codec=0, last=None, producer=-1, attributes=0, keys=None):
    """The bytes of a batch as a broker stores it; `last` is its last offset when compaction took records."""
    builder = DefaultRecordBatchBuilder(2, codec, 0, producer, 0, 0, 1_000_000)
    for offset in offsets:
        key = keys[offset] if keys else b"k%d" % offset
        builder.append(offset - base, 1_000 + offset, key, b"v%d" % offset, [("n", b"%d" % offset)])
    raw = builder.build()
    struct.pack_into(">q", raw, 0, base)
    (flags,) = struct.unpack_from(">h", raw, ATTRIBUTES_AT)
    struct.pack_into(">h", raw, ATTRIBUTES_AT, flags | attributes)
    if last is not None:
        struct.pack_into(">i", raw, LAST_DELTA_AT, last - base)
    struct.pack_into(">I", raw, CRC_AT, calc_crc32c(bytes(raw[ATTRIBUTES_AT:])))
    return bytes(raw)


def marker(offset, producer, *, commit):
    """A control batch: the end of a transaction."""
    key = struct.pack(">HH", 0, int(commit))
    return batch(offset, [offset], producer=producer, attributes=TRANSACTIONAL | CONTROL, keys={offset: key})


def partition_records(raw, position, deserializer, aborted):
    records = MemoryRecords(raw) if deserializer is None else FetchedRecords(raw)
    return PartitionRecords(PLACE, records, aborted, position, None, deserializer, True, READ_COMMITTED)


def plainly(raw, position=0, aborted=()):
    """What aiokafka itself makes of the bytes, and where it goes on."""
    records = partition_records(raw, position, None, aborted)
    found = [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for r in records]
    return found, records.next_fetch_offset


def lazily(raw, position=0, aborted=()):
    """What comes out of the hook, and where it goes on."""
    records = partition_records(raw, position, kafka_batches._unopened, aborted)
    fetched = list(records)
    found = [(r.offset, r.timestamp, r.key, r.value, tuple(r.headers)) for one in fetched for r in one]
    assert fetched[-1].next_offset == records.next_fetch_offset
    return found, records.next_fetch_offset


@pytest.mark.parametrize("codec", CODECS.values(), ids=CODECS)
def test_batches_hold_the_records_that_aiokafka_finds(codec):
    raw = batch(0, range(5), codec=codec) + batch(5, range(5, 9), codec=codec)
    assert lazily(raw) == plainly(raw)
    assert len(lazily(raw)[0]) == 9


@pytest.mark.parametrize("position", [0, 1, 4])
def test_records_of_the_first_batch_below_the_position_are_skipped(position):
    raw = batch(0, range(5)) + batch(5, range(5, 9))
    assert lazily(raw, position) == plainly(raw, position)
    assert lazily(raw, position)[0][0][0] == position


def test_what_compaction_took_is_passed_over():
    raw = batch(2, [3, 7], last=9) + batch(10, [], last=19) + batch(25, [26], last=30)
    assert lazily(raw) == plainly(raw)
    assert lazily(raw)[1] == 31
    assert lazily(raw, position=8) == plainly(raw, position=8)


def test_marks_of_transactions_are_no_records():
    raw = batch(0, [0, 1], producer=7, attributes=TRANSACTIONAL) + marker(2, 7, commit=True) + batch(3, [3])
    assert lazily(raw) == plainly(raw)
    assert [offset for offset, *_ in lazily(raw)[0]] == [0, 1, 3]


def test_a_fetch_of_marks_alone_moves_the_position():
    raw = marker(4, 7, commit=True)
    assert lazily(raw, position=4) == plainly(raw, position=4) == ([], 5)


def test_what_was_rolled_back_is_skipped_and_what_another_committed_is_not():
    raw = (
        batch(0, [0], producer=7, attributes=TRANSACTIONAL)
        + batch(1, [1], producer=8, attributes=TRANSACTIONAL)
        + marker(2, 7, commit=False)
        + batch(3, [3], producer=7, attributes=TRANSACTIONAL)
        + marker(4, 8, commit=True)
        + marker(5, 7, commit=True)
    )
    aborted = [(7, 0)]
    assert lazily(raw, aborted=aborted) == plainly(raw, aborted=aborted)
    assert [offset for offset, *_ in lazily(raw, aborted=aborted)[0]] == [1, 3]


def test_a_batch_that_fails_its_checksum_is_refused_before_anyone_opens_it():
    raw = bytearray(batch(0, [0]) + batch(1, [1]))
    raw[-1] ^= 1
    records = partition_records(bytes(raw), 0, kafka_batches._unopened, ())
    assert next(records).next_offset == 1
    with pytest.raises(CorruptRecordException, match=r"offset 1 of .*events.*checksum"):
        next(records)
    assert records.next_fetch_offset == 1


@pytest.mark.parametrize("place", [8, 16, 20, 21, 40, 60, -1])
def test_nothing_of_a_batch_may_be_another_than_it_was_written(place):
    """As aiokafka says it is, wherever a bit has turned."""
    raw = bytearray(batch(0, range(3)) + batch(3, range(3, 6)))
    start = len(raw) // 2 if place >= 0 else len(raw)
    raw[start + place] ^= 1
    both = FetchedRecords(bytes(raw)), MemoryRecords(bytes(raw))
    while both[0].has_next():
        ours, theirs = (records.next_batch() for records in both)
        assert both[0].is_intact(ours) == theirs.validate_crc()
    assert both[0].size_in_bytes() == both[1].size_in_bytes() == len(raw)


@pytest.mark.parametrize("turned", [False, True])
def test_batches_of_formats_that_brokers_wrote_long_ago_are_checked_too(turned):
    builder = LegacyRecordBatchBuilder(1, 0, 1_000_000)
    builder.append(0, 1_000, b"key", b"value")
    written = builder.build()
    raw = bytearray(written + written)
    if turned:
        raw[30] ^= 1
    records = FetchedRecords(bytes(raw))
    assert [records.is_intact(records.next_batch()) for _ in range(2)] == [not turned, True]
    assert not records.has_next()


def test_a_batch_with_a_right_checksum_that_cannot_be_opened_is_damage():
    raw = bytearray(batch(0, range(50), codec=CODECS["zstd"]))
    raw[70:90] = b"\xff" * 20
    struct.pack_into(">I", raw, CRC_AT, calc_crc32c(bytes(raw[ATTRIBUTES_AT:])))
    (fetched,) = partition_records(bytes(raw), 0, kafka_batches._unopened, ())
    with pytest.raises(LogDamaged, match="offset 0"):
        list(fetched)


def test_the_position_is_right_after_every_single_batch():
    raw = batch(0, [0, 1], last=4) + marker(5, 7, commit=True) + batch(6, [6])
    records = partition_records(raw, 0, kafka_batches._unopened, ())
    positions = [(fetched.next_offset, records.next_fetch_offset) for fetched in records]
    assert positions == [(5, 5), (6, 6), (7, 7)]


def test_a_chunk_that_was_fetched_again_is_cut_where_reading_had_come_to():
    raw = batch(0, range(5)) + batch(5, range(5, 9)) + batch(9, [9])
    fetched = list(partition_records(raw, 0, kafka_batches._unopened, ()))
    chunk = chunk_of(PLACE, fetched, generation=2)
    assert (chunk.topic, chunk.partition, chunk.next_offset, chunk.generation) == ("events", 3, 10, 2)
    assert start_of(chunk) == 0
    rest = cut_below(chunk, 7)
    assert start_of(rest) == 7
    assert [record.offset for one in rest.batches for record in one] == [7, 8, 9]


async def test_only_a_prepared_consumer_hands_out_batches():
    prepared, other = AIOKafkaConsumer(), AIOKafkaConsumer()
    keep_batches(prepared)
    assert prepared._value_deserializer is kafka_batches._unopened
    assert prepared._isolation_level == "read_committed"
    assert other._value_deserializer is None
    raw = batch(0, [0])
    assert next(partition_records(raw, 0, other._value_deserializer, ())).value == b"v0"
    await prepared.stop()
    await other.stop()
