"""Sends records to `octyseg.events` as a producer would: each to its profile's partition, in order, paced.

Used by `produce` and `simulate`. It judges nothing: what names no profile is sent without a key, so
that the workers refuse it with a reason, as they would for any producer.
"""

import asyncio
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import msgspec
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from octyseg.log.embedded import EmbeddedLog
from octyseg.log.port import Log, NewRecord
from octyseg.model.placement import partition_of
from octyseg.model.record import Instant, epoch_ms

BATCH = 1_000
# Paced sending wakes this often; what is due in between goes out together.
WAKE_EVERY_S = 0.05


class Sent(NamedTuple):
    """How many records went out, how many of them name no profile, and how long it took."""

    records: int
    nameless: int
    seconds: float


class _Envelope(msgspec.Struct):
    profile_id: str
    created_at: Instant = None


_open = msgspec.json.Decoder(_Envelope).decode


class Sender:
    """One run of sending; made after the log was started."""

    def __init__(self, log: Log, topic: str, partitions: int) -> None:
        self._log = log
        self._topic = topic
        self._partitions = partitions
        # Such a log has no clock of its own: what is appended brings the time with it.
        self._timed = log if isinstance(log, EmbeddedLog) and log.time == "events" else None
        self._arrival_ms = 0
        self._nameless = 0

    async def send(self, lines: Iterable[bytes], rate_per_s: float | None) -> Sent:
        """Send all lines, `rate_per_s` of them a second or as fast as the log takes them."""
        begun_s = time.monotonic()
        sent = 0
        size = BATCH if rate_per_s is None else max(1, min(BATCH, round(rate_per_s * WAKE_EVERY_S)))
        with _progress() as progress:
            task = progress.add_task("records sent", total=None)
            for batch in _batches(lines, size):
                if rate_per_s is not None:
                    await asyncio.sleep(max(0.0, begun_s + sent / rate_per_s - time.monotonic()))
                await self._append(batch)
                sent += len(batch)
                progress.update(task, completed=sent)
        return Sent(sent, self._nameless, time.monotonic() - begun_s)

    async def _append(self, lines: list[bytes]) -> None:
        records: dict[int, list[NewRecord]] = {}
        times: dict[int, list[int]] = {}
        for line in lines:
            key, partition = self._place(line)
            records.setdefault(partition, []).append(NewRecord(key, line))
            times.setdefault(partition, []).append(self._arrival_ms)
        if self._timed is not None:
            await self._timed.append_many(self._topic, records, times)
        else:
            await asyncio.gather(*(self._log.append(self._topic, *item) for item in records.items()))

    def _place(self, line: bytes) -> tuple[bytes | None, int]:
        try:
            envelope = _open(line)
            key = envelope.profile_id.encode()
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            self._nameless += 1
            return None, 0
        at_ms = epoch_ms(envelope.created_at, self._arrival_ms)
        if isinstance(at_ms, int):
            self._arrival_ms = max(self._arrival_ms, at_ms)
        return key, partition_of(envelope.profile_id, self._partitions)


def _batches(lines: Iterable[bytes], size: int) -> Iterator[list[bytes]]:
    iterator = iter(lines)
    while batch := list(islice(iterator, size)):
        yield batch


def _progress() -> Progress:
    """A line that counts, on a terminal only."""
    columns = (SpinnerColumn(), TextColumn("{task.completed:,} {task.description}"), TimeElapsedColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty())
