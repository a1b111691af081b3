"""The whole past of a partition: what the archive has, and what stands on the log behind it.

So who asks never waits for the archive, and needs nothing of who writes it.
"""

import asyncio
from pathlib import Path

from octyseg.history.archive import Archive, admitted
from octyseg.history.rows import Row, table_of
from octyseg.history.source import History
from octyseg.log.port import Log, read_through


class Hindsight:
    """Reads one log's events and their archive."""

    def __init__(self, log: Log, events_topic: str, directory: Path, future_ms: int) -> None:
        self._log = log
        self._topic = events_topic
        self._directory = directory
        self._future_ms = future_ms

    async def as_of(self, partition: int, as_of_ms: int, end: int) -> History:
        """All records below `end` that happened up to an instant."""
        archive = Archive(self._directory, partition)
        reached = archive.reached()
        start = (await self._log.starts(self._topic, [partition]))[partition]
        written = await asyncio.to_thread(archive.history, as_of_ms, reached)
        rows: list[Row] = []
        async for record in read_through(self._log, self._topic, partition, max(reached, start), end):
            found = admitted(record, self._future_ms)
            if found is None or found.at_ms > as_of_ms:
                continue
            if isinstance(found, Row):
                rows.append(found)
            else:
                found.to(written.people)
        has_ids = written.has_ids or any(row.event_id is not None for row in rows)
        return written._replace(rows=table_of(rows), has_ids=has_ids)
