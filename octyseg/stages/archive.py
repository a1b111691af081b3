"""The archive stage: events and the other records of the input go to history, many at a time, each exactly once.

Input: `octyseg.events`. What a partition's history has reached is told by its files alone; on opening, what lies
between that and the committed position is read again. Records that the live stage refuses are not history.
Erased profiles leave no row behind, within the time between two looks.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from octyseg import logs, metrics
from octyseg.engine.rules import Rules
from octyseg.errors import Fenced, HistoryUnavailable
from octyseg.history.archive import Archive, Told, admitted
from octyseg.history.rows import Row
from octyseg.log.port import Chunk, Log, Record, read_through, refuse_another
from octyseg.model.placement import Place
from octyseg.stages.availability import WAIT_MAX_S, Availability
from octyseg.stages.crashpoints import Pass, pass_by

DAY_MS = 24 * 60 * 60 * 1000
TIDY_EVERY_S = 60.0
# A day of writes a minute apart makes this many files many times over.
FILES_A_DAY = 32

T = TypeVar("T")

_logger = logs.get(__name__)


class ArchiveConfig(Struct, frozen=True, kw_only=True):
    """How much is written at once, and how long it is kept.

    `write_every_bytes` of records, of all partitions of a process together, wait to be written at most.
    """

    write_every_s: float = 60.0
    write_every_bytes: int = 64 * 1024 * 1024
    keep_days: int = 400


class _Partition:
    """What came since the last write."""

    def __init__(self, archive: Archive, place: Place, reached: int) -> None:
        self.archive = archive
        self.place = place
        self.first = self.next_offset = reached
        self.rows: list[Row] = []
        self.told: list[Told] = []
        # Of the records that these were made of.
        self.bytes = 0
        self.erased: dict[str, int] = {}
        self.newest_ms = 0
        self.lock = asyncio.Lock()

    def let_go(self) -> None:
        """What came is written, here or elsewhere."""
        self.rows, self.told, self.bytes, self.first = [], [], 0, self.next_offset


class ArchiveStage:
    """Consumer of events with a group of its own. Made once per process."""

    name = "archive"

    def __init__(
        self,
        log: Log,
        events_topic: str,
        directory: Path,
        config: ArchiveConfig,
        rules: Rules,
        *,
        passing: Pass = pass_by,
    ) -> None:
        self.inputs = (events_topic,)
        self._log = log
        self._directory = directory
        self._config = config
        self._future_ms = rules.future_ms
        self._pass = passing
        self._availability = Availability(
            "archive", metrics.HISTORY_AVAILABLE.labels(self.name), service="history", absence=HistoryUnavailable
        )
        self._partitions: dict[int, _Partition] = {}
        # Beside these; their rows wait too.
        self._opening = 0
        self._write_at_s = time.monotonic() + config.write_every_s
        self._tidy_at_s = 0.0

    async def start(self) -> None:
        """Nothing to prepare."""

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """Go on where the files end."""
        self._opening += 1
        try:
            own = await self._opened(partition, positions)
        finally:
            self._opening -= 1
        # Not sooner: a tick writes what came of every partition, and forgets it.
        self._partitions[partition] = own
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._partitions))

    async def _opened(self, partition: int, positions: Mapping[str, int]) -> _Partition:
        """The partition with what was committed and is in no file: a little, or all of it when files were lost."""
        (topic,) = self.inputs
        archive = Archive(self._directory, partition, self._pass)  # type: ignore[arg-type] # its points are among ours
        reached = await _to_the_end(asyncio.to_thread(archive.open))
        await refuse_another(self._log, topic, partition, reached, f"history in {self._directory}")
        start = (await self._log.starts(topic, [partition]))[partition]
        if start > reached:
            _logger.warning("events were retained for less time than the archive was away", partition=partition)
        place = Place(partition, await self._log.partitions(topic))
        own = _Partition(archive, place, max(start, reached))
        async for record in read_through(self._log, topic, partition, own.next_offset, positions[topic]):
            self._take(own, (record,))
            if self._is_much(own):
                await self._write(own)
        own.next_offset = max(own.next_offset, positions[topic])
        own.erased = {
            told.profile_id: told.place for told in archive.told(archive.reached()) if told.is_erasure
        } | own.erased
        return own

    async def handle(self, chunk: Chunk) -> None:
        """Remember what the chunk holds; a process that dies before it is written reads it again."""
        own = self._partitions[chunk.partition]
        with metrics.chunk_seconds(self.name).time():
            async with own.lock:
                for batch in chunk.batches:
                    self._take(own, batch)
                    await asyncio.sleep(0)
                own.next_offset = max(own.next_offset, chunk.next_offset)
        if self._is_much(own):
            await self._availability.until(lambda: self._write(own))

    async def tick(self) -> None:
        """Write what has come when its time has come, and tidy up now and then."""
        try:
            await self._do_what_is_due(time.monotonic())
        except HistoryUnavailable as error:
            self._availability.told(error)
            self._write_at_s = time.monotonic() + WAIT_MAX_S

    async def _do_what_is_due(self, now_s: float) -> None:
        if now_s >= self._write_at_s:
            self._write_at_s = now_s + self._config.write_every_s
            for own in list(self._partitions.values()):
                await self._write(own)
            self._availability.told(None)
        if now_s >= self._tidy_at_s:
            self._tidy_at_s = now_s + TIDY_EVERY_S
            for partition, own in list(self._partitions.items()):
                await _to_the_end(self._tidy(partition, own))

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """The files say what was reached."""

    async def close(self, partition: int) -> None:
        """Write what has come."""
        own = self._partitions.pop(partition, None)
        if own is not None:
            # Whoever has it next reads again what it does not find.
            with suppress(Fenced, HistoryUnavailable):
                await self._write(own)
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._partitions))

    async def stop(self) -> None:
        """Nothing to end."""

    def _take(self, own: _Partition, records: Iterable[Record]) -> None:
        for record in records:
            if record.offset < own.next_offset:
                continue
            own.next_offset = record.offset + 1
            own.bytes += len(record.value or b"")
            own.newest_ms = max(own.newest_ms, record.timestamp)
            found = admitted(record, own.place, self._future_ms)
            if isinstance(found, Row):
                own.rows.append(found)
            elif found is not None:
                own.told.append(found)
                if found.is_erasure:
                    own.erased[found.profile_id] = record.offset

    def _is_much(self, own: _Partition) -> bool:
        """Whether the partition has its share of what may wait."""
        return own.bytes * (len(self._partitions) + self._opening) >= self._config.write_every_bytes

    async def _write(self, own: _Partition) -> None:
        await _to_the_end(self._write_what_came(own))

    async def _write_what_came(self, own: _Partition) -> None:
        async with own.lock:
            if own.next_offset == own.first:
                return
            try:
                with metrics.ARCHIVE_SECONDS.time():
                    await asyncio.to_thread(own.archive.write, own.rows, own.told, own.first, own.next_offset)
            except Fenced:
                # It is its next owner's to write; a tick that meets it once more is not to lose what is ours by then.
                own.let_go()
                raise
            metrics.events(self.name, "archived").inc(len(own.rows))
            self._pass("archive.reached")
            own.let_go()
            await self._forget(own)

    async def _tidy(self, partition: int, own: _Partition) -> None:
        async with own.lock:
            if self._partitions.get(partition) is not own:
                return  # closed while another was tidied: the files are another's by now
            await asyncio.to_thread(own.archive.refuse_another)
            if own.newest_ms:
                await asyncio.to_thread(own.archive.retain, own.newest_ms - self._config.keep_days * DAY_MS)
            await self._forget(own)
            await asyncio.to_thread(own.archive.compact, FILES_A_DAY)

    async def _forget(self, own: _Partition) -> None:
        """Take those out of the files whose erasure the files have reached."""
        erased = {one: place + 1 for one, place in own.erased.items() if place < own.first}
        if erased:
            await asyncio.to_thread(own.archive.erase, erased)
            for profile_id in erased:
                own.erased.pop(profile_id)


async def _to_the_end(working: Coroutine[Any, Any, T]) -> T:
    """Let it work to its end also when who waits for it is cancelled: its thread would go on beside the next owner."""
    task = asyncio.create_task(working)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # its work was not noted as done, so it is tried again, or read again
        raise
