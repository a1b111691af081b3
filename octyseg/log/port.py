"""The log as stages see it: topics of partitions of records, appended in batches, read in chunks.

Every adapter keeps the promises of tests/log/promises.py:

- an acknowledged append survives a kill of any process; offsets of a partition rise;
- a chunk holds records of one partition, in offset order, none below the position asked for;
- `end` is the offset the next record will get, as of a moment not before the question was sent;
- committed offsets are kept per group and partition;
- `timestamp` of a record is its arrival: set by the log, never by the producer.

Times are epoch milliseconds. An unreachable log raises LogUnavailable; a failed checksum LogDamaged.
"""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from octyseg.errors import LogDamaged


class Record(Protocol):
    """One record as read. aiokafka's compiled records fit as they are; so does StoredRecord."""

    @property
    def offset(self) -> int: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, bytes]]: ...


class StoredRecord(NamedTuple):
    """A record of the adapters that have no record type of their own."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class NewRecord(NamedTuple):
    """A record to append. A value of None is a tombstone."""

    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()


class Batch(Protocol):
    """Records that were fetched together and are opened only while they are walked, once."""

    def __iter__(self) -> Iterator[Record]: ...


class Chunk(NamedTuple):
    """What one read brought of one partition: unopened batches and where reading goes on.

    `next_offset` is the position after the chunk, also when compaction or control batches left
    nothing to open in it. `generation` is the assignment it was read under, 0 outside a group.
    """

    topic: str
    partition: int
    batches: Sequence[Batch]
    next_offset: int
    generation: int = 0


class Appended(NamedTuple):
    """An acknowledgement: the offsets are `first_offset` to `next_offset` - 1, all arrived at `timestamp`."""

    first_offset: int
    next_offset: int
    timestamp: int


class TopicSpec(NamedTuple):
    """How a topic is made. `retention_ms` is -1 for compacted topics."""

    name: str
    partitions: int
    compacted: bool
    retention_ms: int


class Reader(Protocol):
    """A reader of chosen partitions at positions of its own; commits are not its business."""

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read on from here. The partition is assigned if it was not."""
        ...

    def drop(self, topic: str, partition: int) -> None:
        """Stop reading the partition."""
        ...

    async def read(self, wait_s: float) -> list[Chunk]:
        """Chunks of any assigned partitions, at most one each; empty when nothing came within `wait_s`."""
        ...

    async def close(self) -> None: ...


class Log(Protocol):
    """One log, open between `start` and `close`. Methods may be called from many tasks of one loop."""

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make what is missing; returns the names made. A topic with other partitions raises UsageError."""
        ...

    async def describe_topics(self) -> list[TopicSpec]:
        """The topics there are, sorted by name (on Kafka: those the process may see)."""
        ...

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has; UsageError when there is no such topic."""
        ...

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Appended:
        """Append all in order to one partition and wait for the acknowledgement. At least one record."""
        ...

    async def ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """End offset of each partition for a reader, as of a moment after this call began."""
        ...

    async def ends_as_of(
        self, topics: Sequence[str], partitions: Sequence[int]
    ) -> tuple[int, dict[tuple[str, int], int]]:
        """The log's time T and every end offset of these partitions of these topics.

        T is the time at which the question was sent, a lower bound and by the broker's clock; the
        ends are as of a moment not before T, with all that had arrived, also what cannot be read yet.
        T is 0 while the log has not yet told its time.
        """
        ...

    async def starts(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Lowest offset that is still readable."""
        ...

    async def committed(self, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int | None]:
        """The committed offset (where reading goes on), None where the group has none."""
        ...

    async def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None: ...

    def reader(self) -> Reader: ...


async def read_through(log: Log, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Record]:
    """Every record with start <= offset < stop, then end. The way restores and look-ups read."""
    if start >= stop:
        return
    reader = log.reader()
    try:
        reader.seek(topic, partition, start)
        position = start
        while position < stop:
            for chunk in await reader.read(1.0):
                for batch in chunk.batches:
                    for record in batch:
                        if record.offset >= stop:
                            return
                        yield record
                position = chunk.next_offset
    finally:
        await reader.close()


async def refuse_another(log: Log, topic: str, partition: int, reached: int, whose: str) -> None:
    """LogDamaged when the partition ends below an offset that it had reached once: it is not what was read before."""
    end = (await log.ends(topic, [partition]))[partition]
    if end < reached:
        raise made_again(f"{topic}-{partition} ends at offset {end} and {whose} has come to {reached}")


def made_again(seen: str) -> LogDamaged:
    """What to say when a topic is not the one that was read before, after what it was seen by."""
    return LogDamaged(
        f"{seen}: the topic was made again, or its records were lost, and new ones would be taken for old. Bring it "
        "back, or begin anew under another OCTYSEG_NAMESPACE"
    )
