"""Opens the records of `octyseg.outcomes`, and drops what an owner wrote after it had lost its partition.

Shared by every reader of outcomes. A claim of an epoch makes all outcomes of lower epochs behind it
void; a reader that starts in the middle looks back for the epoch that holds there.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from octyseg import metrics
from octyseg.engine.state import ProfileState, decode_state
from octyseg.errors import LogDamaged
from octyseg.log.port import Log, Record, read_through
from octyseg.model.outcome import CLAIM_KEY, SWEPT_KEY, Outcome, Swept, decode_claim, decode_outcome, decode_swept

# An owner that has lost its partition unknowingly writes one chunk's outcomes at most; a claim, or an
# outcome of the new owner, lies within this many records before any position behind it.
LOOK_BACK_RECORDS = 10_000

_RESERVED = b"\x00"


class Entry(NamedTuple):
    """One valid outcome and where it stood."""

    offset: int
    profile_id: str
    outcome: Outcome


class Fence:
    """The highest epoch seen of one partition; lives as long as its reader has the partition."""

    def __init__(self, stage: str, epoch: int = 0) -> None:
        self.epoch = epoch
        self.last_arrival_ms = 0
        self._void = metrics.VOID_OUTCOMES.labels(stage)

    async def look_back(self, log: Log, topic: str, partition: int, position: int) -> None:
        """Learn the epoch that holds at a position from the records before it."""
        lowest = (await log.starts(topic, [partition]))[partition]
        async for record in read_through(log, topic, partition, max(lowest, position - LOOK_BACK_RECORDS), position):
            self.admit(record)

    def admit(self, record: Record) -> Entry | Swept | None:
        """What a reader has to act on; None for claims, for void outcomes and other owners' words."""
        self.last_arrival_ms = record.timestamp
        key, value = record.key, record.value
        try:
            if key is None or value is None:
                return None
            if key == CLAIM_KEY:
                self.epoch = max(self.epoch, decode_claim(value).epoch)
                return None
            if key == SWEPT_KEY:
                swept = decode_swept(value)
                return swept if self._is_valid(swept.epoch) else None
            if key.startswith(_RESERVED):
                return None
            outcome = decode_outcome(value)
            return Entry(record.offset, key.decode(), outcome) if self._is_valid(outcome.epoch) else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(record.offset, error) from error

    def walk(self, batch: Iterable[Record], position: int) -> Iterator[Entry | Swept]:
        """The valid entries of a batch from a position on; a batch is fetched whole and may begin before it."""
        for record in batch:
            if record.offset >= position:
                entry = self.admit(record)
                if entry is not None:
                    yield entry

    def _is_valid(self, epoch: int) -> bool:
        if epoch < self.epoch:
            self._void.inc()
            return False
        self.epoch = epoch
        return True


def unreadable(offset: int, error: Exception) -> LogDamaged:
    """What to say of an outcome that this octyseg cannot read."""
    return LogDamaged(f"outcome at offset {offset} cannot be read ({error}): is it of a newer octyseg?")


def state_in(profile_id: str, encoded: bytes) -> ProfileState:
    """The state an outcome carries; LogDamaged when this octyseg cannot read it."""
    try:
        return decode_state(encoded)
    except (msgspec.MsgspecError, ValueError) as error:
        msg = f"state of profile {profile_id} cannot be read: {error}"
        raise LogDamaged(msg) from error
