"""Bring a partition back: the newest state of every profile from `state`, then `outcomes` behind the marker.

Of two states of a profile the one of the higher epoch wins, and within an epoch the later one.
An outcome whose epoch is lower than a claim before it is void: it came from an owner that had
already lost the partition.
"""

import asyncio

import msgspec
from msgspec import Struct

from octyseg import logs, metrics
from octyseg.engine.state import decode_state
from octyseg.log.port import Log, Record, read_through
from octyseg.model.outcome import (
    ADOPTED_KEY,
    CLAIM_KEY,
    EPOCH_HEADER,
    FLOOR_KEY,
    MARKER_KEY,
    SWEPT_KEY,
    Adopted,
    Claim,
    Marker,
    decode_adopted,
    decode_claim,
    decode_floor,
    decode_marker,
    decode_outcome,
    decode_state_record,
)
from octyseg.stages.outcomes import unreadable

RECORDS_BETWEEN_YIELDS = 2_000

logger = logs.get(__name__)


class Newest(Struct):
    """The newest known of one profile; `state` None: erased or forgotten at this sequence and offsets."""

    epoch: int
    state: bytes | None
    sequence: int = 0
    events_offset: int = -1
    commands_offset: int = -1


class Restored(Struct):
    """What a partition held; `outcomes_offset` is where reading of `outcomes` has to go on.

    Input below `events_offset` and `commands_offset` was applied before the last flush.
    `unflushed` are the profiles whose newest state stands on `outcomes` alone: the next flush has to
    write them, or its marker would cover outcomes that `state` knows nothing of. `adopted` says how far
    each dynamic segment has come. With `only` nothing is kept of other profiles than this one.
    """

    profiles: dict[str, Newest]
    epoch: int = 0
    floor: int = 0
    outcomes_offset: int = 0
    events_offset: int = 0
    commands_offset: int = 0
    state_offset: int = 0
    claims: list[Claim] = []
    adopted: dict[str, Adopted] = {}
    unflushed: set[str] = set()
    only: str | None = None

    def keeps(self, profile_id: str) -> bool:
        """Whether the profile is of those that were asked for."""
        return self.only is None or profile_id == self.only


async def read_states(log: Log, state_topic: str, partition: int, only: str | None = None) -> Restored:
    """The flushed states of a partition, or of one of its profiles, and the marker they stand under."""
    restored = Restored({}, only=only)
    marker = Marker(0, 0, 0, 0, 0)
    start = (await log.starts(state_topic, [partition]))[partition]
    stop = (await log.ends(state_topic, [partition]))[partition]
    restored.state_offset = stop
    flushed = _Flushed(restored)
    count = 0
    async for record in read_through(log, state_topic, partition, start, stop):
        count += 1
        if count % RECORDS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
        if record.key == MARKER_KEY and record.value is not None:
            read = decode_marker(record.value)
            marker = max(marker, read, key=lambda one: (one.epoch, one.outcomes_offset))
            restored.floor = max(restored.floor, read.floor)
            flushed.epoch = max(flushed.epoch, read.epoch)
        elif record.key == FLOOR_KEY and record.value is not None:
            restored.floor = max(restored.floor, decode_floor(record.value).floor)
        else:
            flushed.take(record)
    restored.adopted = {one.segment_id: one for one in marker.adopted}
    restored.events_offset, restored.commands_offset = marker.events_offset, marker.commands_offset
    if flushed.overwritten:
        logger.warning("an owner that had lost the partition wrote states", states=len(flushed.overwritten))
    else:
        restored.epoch, restored.outcomes_offset = marker.epoch, marker.outcomes_offset
    return restored


class _Flushed(Struct):
    """Flushed states in the order of the topic; epochs rise, but for those of an owner that had lost the partition.

    It was paused in the middle of a flush. What it overwrote is gone from the topic once that is compacted:
    if the owner did not write it again, outcomes have to be read from their start.
    """

    restored: Restored
    epoch: int = 0
    overwritten: set[str] = set()

    def take(self, record: Record) -> None:
        """Take in a state or a tombstone."""
        assert record.key is not None
        profile_id, profiles = record.key.decode(), self.restored.profiles
        epoch, newest = _state_in(record)
        if epoch is not None and epoch < self.epoch:
            self.overwritten.add(profile_id)
            known = profiles.get(profile_id)
            if known is not None and known.epoch > epoch:
                return
        else:
            self.epoch = epoch or self.epoch
            self.overwritten.discard(profile_id)
        if newest is None:
            profiles.pop(profile_id, None)
        elif self.restored.keeps(profile_id):
            profiles[profile_id] = newest


async def read_outcomes(log: Log, outcomes_topic: str, partition: int, stop: int, restored: Restored) -> None:
    """Fold `outcomes` from where `restored` stands up to `stop` into it."""
    start = (await log.starts(outcomes_topic, [partition]))[partition]
    if start > restored.outcomes_offset > 0:
        metrics.GAP_RECORDS.labels(outcomes_topic).inc(start - restored.outcomes_offset)
    count = 0
    async for record in read_through(log, outcomes_topic, partition, max(start, restored.outcomes_offset), stop):
        count += 1
        if count % RECORDS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
        try:
            _fold_outcome(restored, record)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise unreadable(record.offset, error) from error
    restored.outcomes_offset = max(stop, restored.outcomes_offset)


def _state_in(record: Record) -> tuple[int | None, Newest | None]:
    """The epoch and the state of a record; no state in a tombstone."""
    if record.value is None:
        epoch = dict(record.headers).get(EPOCH_HEADER)
        return None if epoch is None else int(epoch), None
    read = decode_state_record(record.value)
    if not read.erased:
        return read.epoch, Newest(read.epoch, read.state)
    stub = decode_state(read.state)
    return read.epoch, Newest(read.epoch, None, stub.sequence, stub.events_offset, stub.commands_offset)


def _fold_outcome(restored: Restored, record: Record) -> None:
    key, value = record.key, record.value
    if key is None or value is None:
        return  # none of ours
    if key == CLAIM_KEY:
        claim = decode_claim(value, record.timestamp)
        restored.epoch = max(restored.epoch, claim.epoch)
        restored.claims.append(claim)
        return
    if key == SWEPT_KEY:
        return
    if key == ADOPTED_KEY:
        adopted = decode_adopted(value)
        if adopted.epoch >= restored.epoch:
            restored.adopted[adopted.segment_id] = adopted
        return
    outcome = decode_outcome(value)
    if outcome.epoch < restored.epoch:
        metrics.VOID_OUTCOMES.labels("live").inc()
        return
    restored.epoch = outcome.epoch
    profile_id = key.decode()
    if not restored.keeps(profile_id):
        return
    newest = Newest(outcome.epoch, outcome.state, outcome.sequence, outcome.events_offset, outcome.commands_offset)
    restored.profiles[profile_id] = newest
    restored.unflushed.add(profile_id)
