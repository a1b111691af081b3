"""Retention and compaction of a log file, in steps short enough that appends in between hardly wait.

Decides which records go; offsets stay what they were. The planning half reads on the reading thread,
the steps write on the writing one, each in a transaction that looks again at what is there now, so
that two processes may clean at the same time.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from typing import NamedTuple

from octyseg.log.embedded_catalogue import Catalogue
from octyseg.log.embedded_errors import translated
from octyseg.log.embedded_file import change
from octyseg.log.embedded_rows import (
    OFFSET_BITS,
    ROW_RECORDS,
    BatchRow,
    EmbeddedRecord,
    check_batch,
    open_payload,
    pack,
    read_mark,
    write_batch,
    write_mark,
)

_RETAIN_BYTES = 8 << 20
_COMPACT_BYTES = 1 << 20


class Plan(NamedTuple):
    """What compaction of a partition keeps: per key the newest offset below `stop`, tombstones since `horizon_ms`."""

    newest: dict[bytes, int]
    stop: int
    horizon_ms: int

    def keeps(self, record: EmbeddedRecord) -> bool:
        """Whether the record stays. One without a key has nothing that could replace it."""
        if record.key is None or record.offset >= self.stop:
            return True
        return self.newest[record.key] == record.offset and (
            record.value is not None or record.timestamp >= self.horizon_ms
        )


def note_newest(newest: dict[bytes, int], rows: Iterable[BatchRow]) -> None:
    """Take rows, in order, into the map of the newest offset of each key."""
    for row in rows:
        newest.update({record.key: record.offset for record in open_payload(row.payload) if record.key is not None})


class Cleaning:
    """The steps; the writing thread calls them, its owner decides when."""

    def __init__(self, connection: sqlite3.Connection, path: str, catalogue: Catalogue, patience_s: float) -> None:
        self._connection = connection
        self._path = path
        self._catalogue = catalogue
        self._patience_s = patience_s

    def retain_step(self, topic: str, partition: int, horizon_ms: int) -> int:
        """Delete some of the oldest batches that ended before the horizon; 0 when there are none left."""
        with change(self._connection, self._patience_s):
            mark = read_mark(self._connection, self._path, self._catalogue.slot(self._connection, topic, partition))
            low = mark.slot << OFFSET_BITS
            start, size = mark.start_offset, 0
            for row in self._rows(low, low + (1 << OFFSET_BITS), f"{topic}-{partition}"):
                if row.last_ms >= horizon_ms or size > _RETAIN_BYTES:
                    break
                start = row.next_offset
                size += len(row.payload)
            if start == mark.start_offset:
                return 0
            self._connection.execute("DELETE FROM batches WHERE id >= ? AND id < ?", (low, low | start))
            write_mark(self._connection, mark._replace(start_offset=start))
            return start - mark.start_offset

    def compact_step(self, topic: str, partition: int, position: int, plan: Plan) -> tuple[int, int, int]:
        """Rewrite the batches from the one at the position on as one; returns where to go on, records kept and gone."""
        with change(self._connection, self._patience_s):
            slot = self._catalogue.slot(self._connection, topic, partition)
            rows, kept, gone = self._run(slot, f"{topic}-{partition}", position, plan)
            if not rows:
                return plan.stop, 0, 0
            following = rows[-1].next_offset
            if gone or len(rows) > 1:
                self._connection.execute("DELETE FROM batches WHERE id >= ? AND id <= ?", (rows[0].id, rows[-1].id))
                last_ms = max(row.last_ms for row in rows)
                write_batch(self._connection, pack(rows[0].id, following, last_ms, kept))
            return following, len(kept), gone

    def compacted(self, topic: str, partition: int, stop: int, kept: int) -> None:
        """Remember how far compaction came, and what it left."""
        with change(self._connection, self._patience_s):
            mark = read_mark(self._connection, self._path, self._catalogue.slot(self._connection, topic, partition))
            write_mark(self._connection, mark._replace(compacted_to=stop, kept=kept))

    def _run(self, slot: int, name: str, position: int, plan: Plan) -> tuple[list[BatchRow], list[EmbeddedRecord], int]:
        """Neighbouring batches whose kept records fit into one, those records, and how many go."""
        rows: list[BatchRow] = []
        kept: list[EmbeddedRecord] = []
        seen = size = 0
        low = slot << OFFSET_BITS
        for row in self._rows(low | position, low | plan.stop, name):
            records = open_payload(row.payload)
            staying = [record for record in records if plan.keeps(record)]
            if rows and (len(kept) + len(staying) > ROW_RECORDS or size > _COMPACT_BYTES):
                break
            rows.append(row)
            kept += staying
            seen += len(records)
            size += len(row.payload)
        return rows, kept, seen - len(kept)

    def _rows(self, low: int, high: int, name: str) -> Iterator[BatchRow]:
        """Sound rows with low <= id < high; what fails its checksum is neither deleted nor rewritten."""
        with (
            translated(self._path, name),
            closing(
                self._connection.execute("SELECT * FROM batches WHERE id >= ? AND id < ? ORDER BY id", (low, high))
            ) as found,
        ):
            for row in map(BatchRow._make, found):
                check_batch(self._path, name, row)
                yield row
