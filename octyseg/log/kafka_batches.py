"""Record batches as Kafka stores them, opened only while they are walked: the private hook into aiokafka.

aiokafka makes a ConsumerRecord of every record and a list of thousands of them before anyone looks at
one. A consumer prepared by `keep_batches` hands out whole batches instead, after their checksum was
checked, by the processor's own instruction where it has one; consumers that were not prepared work as
ever. aiokafka is pinned, and tests hold what comes out of here against its own consumer. Only the Kafka
adapter and the chunk transport come here.
"""

from collections.abc import Iterator, Sequence
from itertools import dropwhile
from typing import Any

import google_crc32c
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer import fetcher
from aiokafka.consumer.fetcher import READ_COMMITTED, PartitionRecords
from aiokafka.errors import CorruptRecordException
from aiokafka.record.memory_records import MemoryRecords

from octyseg.errors import LogDamaged
from octyseg.log.port import Chunk, Record

# Fetching waits this long for news of any partition: a partition whose buffer was just emptied is asked
# for only after it, so it is kept well below what a reader notices.
_FETCH_MAX_WAIT_MS = 200

# What one fetch brings, of one partition or of many: more of it no longer fits the processor's cache while
# it is copied from the socket, checked and decoded. Which partitions come first changes from fetch to fetch.
FETCH_BYTES = 1024 * 1024


# Where in a batch these stand: how long the rest of it is, which format it has, its checksum, and what that is of.
# https://kafka.apache.org/documentation/#recordbatch
_LENGTH_AT, _FORMAT_AT, _CHECKSUM_AT, _CHECKED_FROM = 8, 16, 17, 21
_REST_AT = 12
_FORMAT = 2


class FetchedBatch:
    """One batch as fetched; `position` is where reading stood before it, `next_offset` where it goes on.

    `batch` is None where nothing is to be read: the batch held the marks of a transaction, or records
    of one that was rolled back.
    """

    __slots__ = ("batch", "next_offset", "position")

    def __init__(self, batch: Any, position: int, next_offset: int) -> None:
        self.batch = batch
        self.position = position
        self.next_offset = next_offset

    def __iter__(self) -> Iterator[Record]:
        """The records from `position` on, once."""
        batch = self.batch
        if batch is None:
            return
        # A batch is fetched whole, also when reading starts in its middle.
        inside = batch.base_offset < self.position
        try:
            records = iter(batch)  # this decompresses
            yield from dropwhile(self._is_below, records) if inside else records
        except Exception as error:
            msg = f"the record batch at offset {batch.base_offset} passes its checksum and cannot be opened: {error!r}"
            raise LogDamaged(msg) from error

    def _is_below(self, record: Record) -> bool:
        return record.offset < self.position


def keep_batches(consumer: AIOKafkaConsumer) -> None:
    """Let a consumer that was not yet started hand out FetchedBatch objects and skip what was rolled back."""
    assert consumer._fetcher is None, "the consumer was started already"  # noqa: SLF001 - the hook
    consumer._value_deserializer = _unopened  # noqa: SLF001 - the hook
    consumer._isolation_level = "read_committed"  # noqa: SLF001 - the hook
    consumer._fetch_max_wait_ms = _FETCH_MAX_WAIT_MS  # noqa: SLF001 - the hook
    consumer._max_partition_fetch_bytes = FETCH_BYTES  # noqa: SLF001 - the hook
    consumer._fetch_max_bytes = FETCH_BYTES  # noqa: SLF001 - the hook


def chunk_of(place: TopicPartition, fetched: Sequence[FetchedBatch], generation: int = 0) -> Chunk:
    """One fetch of one partition as the port has it."""
    return Chunk(place.topic, place.partition, fetched, fetched[-1].next_offset, generation)


def start_of(chunk: Chunk) -> int:
    """Where reading stood before the chunk: where the one before it ended, unless records were skipped."""
    first = chunk.batches[0]
    assert isinstance(first, FetchedBatch), "a chunk of another log"
    return first.position


def cut_below(chunk: Chunk, position: int) -> Chunk:
    """The chunk without what lies below the position; for chunks that were fetched a second time."""
    kept = []
    for batch in chunk.batches:
        assert isinstance(batch, FetchedBatch), "a chunk of another log"
        if batch.next_offset > position:
            batch.position = max(batch.position, position)
            kept.append(batch)
    return chunk._replace(batches=kept)


class FetchedRecords:
    """What one fetch brought of one partition, in the place of aiokafka's own; knows the bytes of each batch."""

    __slots__ = ("_end", "_raw", "_records", "_start", "has_next", "size_in_bytes")

    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._records = records = MemoryRecords(raw)
        self._start = self._end = 0
        self.has_next, self.size_in_bytes = records.has_next, records.size_in_bytes

    def next_batch(self) -> Any:
        """The next one; they follow each other without gaps."""
        length_at = self._end + _LENGTH_AT
        rest = int.from_bytes(self._raw[length_at : length_at + 4])
        self._start, self._end = self._end, self._end + _REST_AT + rest
        return self._records.next_batch()

    def is_intact(self, batch: Any) -> bool:
        """Whether the batch that came last has the checksum that it should have."""
        raw, start = self._raw, self._start
        if raw[start + _FORMAT_AT] != _FORMAT:
            return bool(batch.validate_crc())
        stated = int.from_bytes(raw[start + _CHECKSUM_AT : start + _CHECKED_FROM])
        return bool(stated == google_crc32c.value(raw[start + _CHECKED_FROM : self._end]))


def _unopened(_value: bytes) -> bytes:
    """The mark of a prepared consumer; it is compared, never called."""
    raise AssertionError


_unpack_records = PartitionRecords._unpack_records  # noqa: SLF001 - the hook


def _unpack(self: PartitionRecords) -> Iterator[Any]:
    """What PartitionRecords iterates: its own records, or batches for a prepared consumer."""
    return _unpack_batches(self) if self._value_deserializer is _unopened else _unpack_records(self)


def _unpack_batches(self: PartitionRecords) -> Iterator[FetchedBatch]:
    """Aiokafka's own loop over batches, without its loop over records.

    `next_fetch_offset` is set before each batch is given away, because whoever takes only so many
    looks at it then; and from the batch's header, so that it is right across what compaction removed.
    """
    records = self._records
    while records.has_next():
        batch = records.next_batch()
        if self._check_crcs and not records.is_intact(batch):
            msg = f"the record batch at offset {batch.base_offset} of {self._tp} fails its checksum"
            raise CorruptRecordException(msg)
        position = self.next_fetch_offset
        self.next_fetch_offset = batch.next_offset
        # Both are asked for every batch: looking at a control batch is how a rolled back transaction ends.
        rolled_back = self._isolation_level == READ_COMMITTED and _is_rolled_back(self, batch)
        readable = not batch.is_control_batch and not rolled_back
        yield FetchedBatch(batch if readable else None, position, batch.next_offset)


def _is_rolled_back(self: PartitionRecords, batch: Any) -> bool:
    """Whether the batch belongs to a transaction that was rolled back; notes where such ones begin and end."""
    self._consume_aborted_up_to(batch.base_offset)
    if batch.is_control_batch and self._contains_abort_marker(batch):
        self._aborted_producers.discard(batch.producer_id)
    return bool(batch.is_transactional and batch.producer_id in self._aborted_producers)


PartitionRecords._unpack_records = _unpack  # noqa: SLF001 - the hook
fetcher.MemoryRecords = FetchedRecords
