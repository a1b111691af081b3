"""The whole past of a partition: what the archive has, and what stands on the log behind it.

So who asks never waits for the archive, and needs nothing of who writes it.
"""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from octyseg.history.archive import Archive, admitted
from octyseg.history.files import put
from octyseg.history.rows import Row, table_of
from octyseg.history.source import History
from octyseg.log.port import Log, read_through
from octyseg.model.placement import Place

# Rows of the log that are held in memory; an archive that is further behind than that has them wait in files.
ROWS_HELD = 100_000


class Hindsight:
    """Reads one log's events and their archive."""

    def __init__(self, log: Log, events_topic: str, directory: Path, future_ms: int) -> None:
        self._log = log
        self._topic = events_topic
        self._directory = directory
        self._future_ms = future_ms

    @asynccontextmanager
    async def as_of(self, partition: int, as_of_ms: int, end: int) -> AsyncIterator[History]:
        """All records below `end` that happened up to an instant, for as long as the block."""
        archive = Archive(self._directory, partition)
        reached = archive.reached()
        start = (await self._log.starts(self._topic, [partition]))[partition]
        place = Place(partition, await self._log.partitions(self._topic))
        written = await asyncio.to_thread(archive.history, as_of_ms, reached)
        files, rows, has_ids = [*written.files], list[Row](), written.has_ids
        with tempfile.TemporaryDirectory(prefix="octyseg-hindsight-") as scratch:
            async for record in read_through(self._log, self._topic, partition, max(reached, start), end):
                found = admitted(record, place, self._future_ms)
                if found is None or found.at_ms > as_of_ms:
                    continue
                if not isinstance(found, Row):
                    found.to(written.people)
                    continue
                rows.append(found)
                has_ids = has_ids or found.event_id is not None
                if len(rows) >= ROWS_HELD:
                    files.append(Path(scratch) / f"{len(files)}.parquet")
                    await asyncio.to_thread(put, table_of(rows), files[-1])
                    rows.clear()
            yield written._replace(files=files, rows=table_of(rows), has_ids=has_ids)
