"""Everything that changes a log file, one transaction at a time, on the embedded log's writing thread.

Decides offsets and times of arrival, both only inside the file's write lock, so that the order of
offsets is the order of times over all processes. Knows nothing of asyncio.
"""

import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from octyseg.errors import UsageError
from octyseg.log.embedded_catalogue import Catalogue
from octyseg.log.embedded_errors import damaged
from octyseg.log.embedded_file import TimeMode, change
from octyseg.log.embedded_rows import (
    OFFSET_BITS,
    OFFSET_MASK,
    pack_all,
    read_mark,
    seal,
    write_batch,
    write_mark,
)
from octyseg.log.port import Appended, NewRecord, TopicSpec


class Append(NamedTuple):
    """Records for partitions of one topic, visible all at once; times only where the log keeps time by events."""

    topic: str
    records: Mapping[int, Sequence[NewRecord]]
    timestamps_ms: Mapping[int, Sequence[int]] | None = None


class Writing:
    """The writing half of an open file; one thread calls it, from `start` to `close` of the log."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        catalogue: Catalogue,
        patience_s: float,
        *,
        clock: Callable[[], int],
        time: TimeMode,
    ) -> None:
        self._connection = connection
        self._path = path
        self._catalogue = catalogue
        self._patience_s = patience_s
        self._clock = clock
        self._wall = time == "wall"
        self._told_ms = 0

    def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Add what is missing, all or nothing."""
        with change(self._connection, self._patience_s):
            return self._catalogue.create(self._connection, specs)

    def append(self, appends: Sequence[Append]) -> list[dict[int, Appended] | UsageError]:
        """Several appends in one transaction: what one asks for in vain does not hinder the others."""
        answers: list[dict[int, Appended] | UsageError] = []
        with change(self._connection, self._patience_s):
            log = read_mark(self._connection, self._path, 0)
            last_ms = log.last_ms
            for append in appends:
                try:
                    slots = [self._catalogue.slot(self._connection, append.topic, number) for number in append.records]
                except UsageError as error:
                    answers.append(error)
                    continue
                # All partitions of one append arrive at one moment: only what came before it holds their times back.
                now = self._now(last_ms)
                answer = {}
                for slot, (number, records) in zip(slots, append.records.items(), strict=True):
                    times = append.timestamps_ms[number] if append.timestamps_ms else None
                    answer[number] = self._store(f"{append.topic}-{number}", slot, records, now, times)
                last_ms = max(appended.timestamp for appended in answer.values())
                answers.append(answer)
            if last_ms != log.last_ms:
                write_mark(self._connection, log._replace(last_ms=last_ms))
        return answers

    def commit(self, group: str, topic: str, offsets: Mapping[int, int]) -> None:
        """Remember where the group goes on."""
        with change(self._connection, self._patience_s):
            for partition, offset in offsets.items():
                fields = (group, self._catalogue.slot(self._connection, topic, partition), offset)
                self._connection.execute("INSERT OR REPLACE INTO commits VALUES (?, ?, ?, ?)", (*fields, seal(*fields)))

    def ends_as_of(self, topics: Sequence[str], partitions: Sequence[int]) -> tuple[int, dict[tuple[str, int], int]]:
        """The log's time and the ends under the write lock: no append that was given an earlier time is missing."""
        with change(self._connection, self._patience_s):
            now = self._now(read_mark(self._connection, self._path, 0).last_ms)
            slots = {
                (topic, number): self._catalogue.slot(self._connection, topic, number)
                for topic in topics
                for number in partitions
            }
            ends = {place: read_mark(self._connection, self._path, slot).next_offset for place, slot in slots.items()}
        return now, ends

    def _now(self, last_ms: int) -> int:
        """The time of arrival of what is appended now, behind nothing that this process was told or has stored."""
        if not self._wall:
            return last_ms
        self._told_ms = max(self._told_ms, last_ms, self._clock())
        return self._told_ms

    def _store(
        self, place: str, slot: int, records: Sequence[NewRecord], now: int, times: Sequence[int] | None
    ) -> Appended:
        mark = read_mark(self._connection, self._path, slot)
        self._check_end(place, slot, mark.start_offset, mark.next_offset)
        first, end = mark.next_offset, mark.next_offset + len(records)
        arrivals = [now] * len(records) if times is None else list(accumulate(times, max, initial=now))[1:]
        stored = [
            (offset, at, *record) if record[2] else (offset, at, record[0], record[1])
            for offset, at, record in zip(range(first, end), arrivals, records, strict=True)
        ]
        for row in pack_all(slot, stored):
            write_batch(self._connection, row)
        write_mark(self._connection, mark._replace(next_offset=end, last_ms=arrivals[-1]))
        return Appended(first, end, arrivals[-1])

    def _check_end(self, place: str, slot: int, start: int, end: int) -> None:
        """Stop before anything is written over or behind batches that the mark does not know."""
        row = self._connection.execute(
            "SELECT id, next_offset FROM batches WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT 1",
            (slot << OFFSET_BITS, (slot + 1) << OFFSET_BITS),
        ).fetchone()
        known = start if row is None else row[1]
        if known != end:
            what = f"its batches end at {known} (the last begins at {(row[0] if row else 0) & OFFSET_MASK})"
            raise damaged(self._path, f"{place} offset {end}", what)
