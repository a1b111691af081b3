"""Rows of the log file: what is in them and the checksum that each carries over all of its columns.

A row that fails its checksum raises LogDamaged with the place it was found at; nothing of it is
used. Rows are written by the writing thread and read by the reading one.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import msgspec

from octyseg.log.embedded_errors import damaged

OFFSET_BITS = 40
OFFSET_MASK = (1 << OFFSET_BITS) - 1
# A batch is opened whole when it is walked, so its size bounds memory and the time between two records.
ROW_RECORDS = 1000
_ROW_BYTES = 1 << 20


class EmbeddedRecord(NamedTuple):
    """A StoredRecord whose headers come back as the tuple they were; msgpack would make them a list."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[EmbeddedRecord]).decode


def seal(*columns: Any) -> int:
    """The checksum of a row."""
    return crc32(_encode(columns))


class Mark(NamedTuple):
    """Where a partition starts and ends; slot 0 is the log itself, of which only `last_ms` is used.

    `compacted_to` is the offset up to which compaction has been, `kept` how many records it left there.
    """

    slot: int
    start_offset: int = 0
    next_offset: int = 0
    last_ms: int = 0
    compacted_to: int = 0
    kept: int = 0


def read_mark(connection: sqlite3.Connection, path: str, slot: int) -> Mark:
    """The mark of a slot that exists."""
    row = connection.execute("SELECT * FROM marks WHERE slot = ?", (slot,)).fetchone()
    if row is None or row[0] != slot or row[-1] != seal(*row[:-1]):
        raise damaged(path, f"slot {slot}", "its offsets fail their checksum")
    return Mark(*row[:-1])


def write_mark(connection: sqlite3.Connection, mark: Mark) -> None:
    """Store the mark in place of the slot's old one."""
    connection.execute("INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?, ?, ?, ?)", (*mark, seal(*mark)))


class BatchRow(NamedTuple):
    """Records of one slot; it stands for all offsets from `id`'s to `next_offset`, also those compaction emptied."""

    id: int
    next_offset: int
    last_ms: int
    crc: int
    payload: bytes

    @property
    def first_offset(self) -> int:
        """The lowest offset it stands for."""
        return self.id & OFFSET_MASK


def pack(row_id: int, next_offset: int, last_ms: int, records: Sequence[Any]) -> BatchRow:
    """A row of records, each given as the fields of EmbeddedRecord."""
    payload = _encode(records)
    return BatchRow(row_id, next_offset, last_ms, crc32(payload, seal(row_id, next_offset, last_ms)), payload)


def pack_all(slot: int, records: Sequence[Any]) -> Iterator[BatchRow]:
    """As few rows as the bounds of a row allow, for records that follow each other without a gap."""
    for start in range(0, len(records), ROW_RECORDS):
        part = records[start : start + ROW_RECORDS]
        row = pack(slot << OFFSET_BITS | part[0][0], part[-1][0] + 1, part[-1][1], part)
        if len(row.payload) <= _ROW_BYTES or len(part) == 1:
            yield row
        else:
            middle = len(part) // 2
            yield from pack_all(slot, part[:middle])
            yield from pack_all(slot, part[middle:])


def write_batch(connection: sqlite3.Connection, row: BatchRow) -> None:
    """Insert one row."""
    connection.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", row)


def check_batch(path: str, place: str, row: BatchRow) -> None:
    """Raise LogDamaged when the row is not what was written."""
    # A damaged row may hold another type of value than it was given.
    payload: object = row.payload
    if not isinstance(payload, bytes) or row.crc != crc32(payload, seal(row.id, row.next_offset, row.last_ms)):
        remedy = (
            "end octyseg, keep a copy of the file and restore it from a backup; "
            f"without one, commit an offset behind the damage to go on without these records (try {row.next_offset})"
        )
        raise damaged(path, f"{place} offset {row.first_offset}", "a batch fails its checksum", remedy)


def open_payload(payload: bytes) -> list[EmbeddedRecord]:
    """The records of a batch that passed its check."""
    return _decode(payload)


class StoredBatch:
    """A batch as read: its records are made when it is walked, from the position asked for on."""

    __slots__ = ("_payload", "_position")

    def __init__(self, payload: bytes, position: int = 0) -> None:
        self._payload = payload
        self._position = position

    def __iter__(self) -> Iterator[EmbeddedRecord]:
        records = _decode(self._payload)
        if self._position:
            position = self._position
            return iter([record for record in records if record.offset >= position])
        return iter(records)
