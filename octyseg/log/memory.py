"""The log in memory, for simulations and tests: every promise of the port, no file and no clock of its own.

Time is what `clock` answers, faults are what `faults` decides, and nothing waits unless a read is given
patience, so one thread of calls gives one history. The log is the broker: it outlives `close` and
every reader, and what a simulated process loses with its death is only what was never acknowledged.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence

from octyseg.errors import UsageError
from octyseg.log.memory_faults import Faults
from octyseg.log.port import Appended, Chunk, NewRecord, StoredRecord, TopicSpec

Place = tuple[str, int]


class MemoryLog:
    """One log for any number of simulated processes of one event loop; lives as long as its object.

    `clock` gives the broker's epoch milliseconds. `faults` may be exchanged at any time.
    """

    def __init__(self, clock: Callable[[], int], faults: Faults | None = None) -> None:
        self.faults = faults
        self._clock = clock
        self._last_ms = 0
        self._specs: dict[str, TopicSpec] = {}
        self._stored: dict[Place, _Partition] = {}
        self._commits: dict[tuple[str, str], dict[int, int]] = {}
        self._waiting: list[asyncio.Future[None]] = []

    async def start(self) -> None:
        """Nothing to open."""

    async def close(self) -> None:
        """Nothing is lost: the next process finds what this one left."""

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make what is missing; returns the names made."""
        made = []
        for spec in specs:
            known = self._specs.get(spec.name)
            if known is None:
                self._specs[spec.name] = spec
                self._stored.update({(spec.name, number): _Partition() for number in range(spec.partitions)})
                made.append(spec.name)
            elif known.partitions != spec.partitions:
                msg = (
                    f"topic {spec.name} has {known.partitions} partitions, not {spec.partitions}: "
                    "a topic keeps the partitions it was made with, use another prefix"
                )
                raise UsageError(msg)
        return made

    async def describe_topics(self) -> list[TopicSpec]:
        """The topics there are, sorted by name."""
        return sorted(self._specs.values())

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        spec = self._specs.get(topic)
        if spec is None:
            msg = f"there is no topic {topic}: create it first"
            raise UsageError(msg)
        return spec.partitions

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Appended:
        """Store all records at the clock's time, in order."""
        assert records, "an append holds at least one record"
        if self.faults is not None:
            self.faults.before("append", topic)
        now = self.now_ms()
        self._last_ms = now
        stored = self._partition(topic, partition)
        first = stored.end
        stored.records += [
            StoredRecord(offset, now, key, value, headers)
            for offset, (key, value, headers) in enumerate(records, first)
        ]
        stored.end = first + len(records)
        if self._waiting:
            self._wake()
        if self.faults is not None:
            self.faults.after("append", topic)
        return Appended(first, stored.end, now)

    async def ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """End offset of each partition."""
        if self.faults is not None:
            self.faults.before("ends", topic)
        return {partition: self._partition(topic, partition).end for partition in partitions}

    async def ends_as_of(
        self, topics: Sequence[str], partitions: Sequence[int]
    ) -> tuple[int, dict[tuple[str, int], int]]:
        """The clock's time and the ends, of one instant."""
        if self.faults is not None:
            self.faults.before("ends", topics[0] if topics else "")
        ends = {
            (topic, partition): self._partition(topic, partition).end for topic in topics for partition in partitions
        }
        return self.now_ms(), ends

    async def starts(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Lowest offset that retention left."""
        if self.faults is not None:
            self.faults.before("starts", topic)
        return {partition: self._partition(topic, partition).start for partition in partitions}

    async def committed(self, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int | None]:
        """The committed offset, None where the group has none."""
        if self.faults is not None:
            self.faults.before("committed", topic)
        offsets = self._commits.get((group, topic), {})
        return {partition: offsets.get(partition) for partition in partitions}

    async def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Remember where the group goes on."""
        if self.faults is not None:
            self.faults.before("commit", topic)
        self._commits.setdefault((group, topic), {}).update(offsets)
        if self.faults is not None:
            self.faults.after("commit", topic)

    def reader(self) -> "MemoryReader":
        """A reader without partitions."""
        return MemoryReader(self)

    def now_ms(self) -> int:
        """The clock, never behind the last record."""
        return max(self._clock(), self._last_ms)

    def retain(self) -> int:
        """Drop records older than their topic's retention, as a broker does on its own; returns how many."""
        now = self.now_ms()
        dropped = 0
        for (topic, _), stored in self._stored.items():
            spec = self._specs[topic]
            if not spec.compacted and spec.retention_ms >= 0:
                dropped += stored.drop_before(now - spec.retention_ms)
        return dropped

    def compact(self, tombstone_retention_ms: int = 0) -> int:
        """Keep the newest record of each key in compacted topics; returns how many records went."""
        horizon_ms = self.now_ms() - tombstone_retention_ms
        return sum(
            stored.compact(horizon_ms) for (topic, _), stored in self._stored.items() if self._specs[topic].compacted
        )

    def _partition(self, topic: str, partition: int) -> "_Partition":
        try:
            return self._stored[topic, partition]
        except KeyError:
            known = self._specs.get(topic)
            msg = (
                f"topic {topic} has no partition {partition}"
                if known
                else f"there is no topic {topic}: create it first"
            )
            raise UsageError(msg) from None

    async def _appended(self) -> None:
        """Wait until anything is appended."""
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        await future

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, []
        for future in waiting:
            if not future.done():
                future.set_result(None)


class MemoryReader:
    """A reader of one simulated process; it dies by being forgotten."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._positions: dict[Place, int] = {}

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read on from here."""
        self._positions[topic, partition] = offset

    def drop(self, topic: str, partition: int) -> None:
        """Stop reading the partition."""
        self._positions.pop((topic, partition), None)

    async def read(self, wait_s: float) -> list[Chunk]:
        """What is there; waits on the event loop's clock only when there is nothing and `wait_s` is above 0."""
        if self._log.faults is not None:
            self._log.faults.before("read", "")
        chunks = self._take()
        if chunks or wait_s <= 0:
            return chunks
        try:
            async with asyncio.timeout(wait_s):
                while not chunks:
                    await self._log._appended()  # noqa: SLF001 - a reader is the log's own other half
                    chunks = self._take()
        except TimeoutError:
            pass
        return chunks

    async def close(self) -> None:
        """Forget every position."""
        self._positions.clear()

    def _take(self) -> list[Chunk]:
        """One chunk of every partition that has something beyond its position."""
        log, chunks = self._log, []
        for place, position in self._positions.items():
            stored = log._partition(*place)  # noqa: SLF001 - as above
            if position < stored.end:
                records, following = stored.since(position, log.faults)
                # An iterator, so that a stage which walks a batch twice finds nothing the second time, as on Kafka.
                chunks.append(Chunk(*place, (iter(records),) if records else (), following))
        for chunk in chunks:
            self._positions[chunk.topic, chunk.partition] = chunk.next_offset
        return chunks


class _Partition:
    """Records by rising offset; gaps only where compaction took something."""

    __slots__ = ("end", "records", "start")

    def __init__(self) -> None:
        self.records: list[StoredRecord] = []
        self.start = 0
        self.end = 0

    def since(self, position: int, faults: Faults | None) -> tuple[list[StoredRecord], int]:
        """Records from the position on, and where reading goes on after them."""
        if len(self.records) == self.end - self.start:
            index = max(position - self.start, 0)
        else:
            index = bisect_left(self.records, (position,))
        records = self.records[index:]
        if faults is not None and records:
            limit = faults.limit(len(records))
            if limit < len(records):
                return records[:limit], records[limit - 1].offset + 1
        return records, self.end

    def drop_before(self, horizon_ms: int) -> int:
        """Forget the oldest records up to the first that arrived at the horizon or later."""
        count = bisect_left(self.records, horizon_ms, key=lambda record: record.timestamp)
        if count:
            self.start = self.records[count - 1].offset + 1
            del self.records[:count]
        return count

    def compact(self, horizon_ms: int) -> int:
        """Keep the newest record of each key, and tombstones that arrived at the horizon or later."""
        newest = {record.key: record.offset for record in self.records}
        before = len(self.records)
        self.records = [
            record
            for record in self.records
            if record.key is None
            or (newest[record.key] == record.offset and (record.value is not None or record.timestamp >= horizon_ms))
        ]
        return before - len(self.records)
