"""Everything that is asked of a log file, each answer from one snapshot, on the embedded log's reading thread.

Decides how much one read brings. Every row is checked before it is handed on, and so is that the rows
of a partition follow each other without a gap. Knows nothing of asyncio and never writes.
"""

import sqlite3
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import NamedTuple

from octyseg.errors import LogDamaged
from octyseg.log.embedded_catalogue import Catalogue
from octyseg.log.embedded_errors import damaged, translated
from octyseg.log.embedded_file import snapshot
from octyseg.log.embedded_rows import OFFSET_BITS, BatchRow, Mark, StoredBatch, check_batch, read_mark, seal
from octyseg.log.port import Chunk, TopicSpec

Place = tuple[str, int]

# A read stops at the first of these: enough to make the way to the thread cheap, little enough for the cache.
_PARTITION_BYTES = 1 << 20
_READ_BYTES = 4 << 20

_COVERING = (
    "SELECT id, next_offset, last_ms, crc, payload FROM batches WHERE id >= coalesce("
    "(SELECT max(id) FROM batches WHERE id >= :low AND id <= :at), :low) AND id < :high ORDER BY id"
)


class Fetched(NamedTuple):
    """What a read found: chunks by place, and the end of every partition asked for."""

    chunks: dict[Place, Chunk]
    ends: dict[Place, int]


class Reading:
    """The reading half of an open file; one thread calls it, from `start` to `close` of the log."""

    def __init__(self, connection: sqlite3.Connection, path: str, catalogue: Catalogue) -> None:
        self._connection = connection
        self._path = path
        self._catalogue = catalogue

    def version(self) -> int:
        """A number that changes when another connection has changed the file."""
        (version,) = self._connection.execute("PRAGMA data_version").fetchone()
        return int(version)

    def specs(self) -> list[TopicSpec]:
        """All topics, sorted by name."""
        return self._catalogue.specs(self._connection)

    def spec(self, topic: str) -> TopicSpec:
        """How the topic was made."""
        return self._catalogue.spec(self._connection, topic)

    def last_ms(self) -> int:
        """The time of the newest record of the log, 0 when there is none."""
        return read_mark(self._connection, self._path, 0).last_ms

    def marks(self, places: Sequence[Place]) -> dict[Place, Mark]:
        """Starts and ends of partitions, of one snapshot."""
        with snapshot(self._connection):
            return {place: self._mark(place) for place in places}

    def committed(self, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int | None]:
        """Committed offsets; all commits are read, so that a damaged name cannot hide one."""
        slots = {self._catalogue.slot(self._connection, topic, number): number for number in partitions}
        found: dict[int, int | None] = dict.fromkeys(partitions)
        for row in self._connection.execute("SELECT consumer_group, slot, next_offset, crc FROM commits"):
            if row[3] != seal(*row[:3]):
                raise damaged(self._path, f"a commit of group {row[0]!r}", "it fails its checksum")
            if row[0] == group and row[1] in slots:
                found[slots[row[1]]] = row[2]
        return found

    def fetch(self, positions: Sequence[tuple[Place, int]]) -> Fetched:
        """What lies beyond these positions, up to the bounds of a read; those named first are served first."""
        chunks: dict[Place, Chunk] = {}
        ends: dict[Place, int] = {}
        room = _READ_BYTES
        with snapshot(self._connection):
            for place, position in positions:
                mark = self._mark(place)
                ends[place] = mark.next_offset
                if position < mark.next_offset and room > 0:
                    rows = self._rows(place, max(position, mark.start_offset), mark, min(room, _PARTITION_BYTES))
                    room -= sum(len(row.payload) for row in rows)
                    batches = [StoredBatch(row.payload, position if row.first_offset < position else 0) for row in rows]
                    chunks[place] = Chunk(*place, batches, rows[-1].next_offset)
        return Fetched(chunks, ends)

    def rows(self, place: Place, position: int) -> list[BatchRow]:
        """The rows from the one that holds the position on, up to the bounds of a read; none at the end."""
        with snapshot(self._connection):
            mark = self._mark(place)
            if position >= mark.next_offset:
                return []
            return self._rows(place, max(position, mark.start_offset), mark, _PARTITION_BYTES)

    def _mark(self, place: Place) -> Mark:
        return read_mark(self._connection, self._path, self._catalogue.slot(self._connection, *place))

    def _rows(self, place: Place, position: int, mark: Mark, room: int) -> list[BatchRow]:
        """At least one row; damage behind sound rows is left for the next read to find."""
        rows: list[BatchRow] = []
        try:
            with closing(self._checked(f"{place[0]}-{place[1]}", position, mark)) as checked:
                for row in checked:
                    rows.append(row)
                    room -= len(row.payload)
                    if room <= 0:
                        break
        except LogDamaged:
            if not rows:
                raise
        return rows

    def _checked(self, name: str, position: int, mark: Mark) -> Generator[BatchRow]:
        """Rows from the one that holds the position to the partition's end, as long as they are sound."""
        low = mark.slot << OFFSET_BITS
        bounds = {"low": low, "at": low | position, "high": low + (1 << OFFSET_BITS)}
        following = position
        with (
            translated(self._path, f"{name} offset {position}"),
            closing(self._connection.execute(_COVERING, bounds)) as found,
        ):
            for row in map(BatchRow._make, found):
                check_batch(self._path, name, row)
                holds_position = following == position and row.first_offset < position < row.next_offset
                if row.first_offset != following and not holds_position:
                    break
                following = row.next_offset
                yield row
        if following != mark.next_offset:
            what = f"records from there to {mark.next_offset} are missing"
            raise damaged(self._path, f"{name} offset {following}", what)
