"""Write changed states of one partition to the compacted `state` topic, off the critical path.

    floor (when profiles were forgotten), states and tombstones, then a marker

The marker names the outcomes offset as of the moment the states were taken, so restoring reads
`outcomes` from there. States that a foreign writer (an owner that lost the partition) may have
overwritten are written again by the next flush: its appends show as a gap between ours.
"""

from collections.abc import Sequence
from typing import NamedTuple

from octyseg import metrics
from octyseg.engine.partition import Partition
from octyseg.engine.shelf import Changed
from octyseg.log.port import Log, NewRecord, read_through
from octyseg.model.outcome import EPOCH_HEADER, FLOOR_KEY, MARKER_KEY, Floor, Marker, StateRecord, encode
from octyseg.stages.crashpoints import Pass

STATES_PER_APPEND = 2_000


class Taken(NamedTuple):
    """The changed states of one instant and the marker that covers them."""

    states: Sequence[Changed]
    marker: Marker


class Flush:
    """The flushes of one partition by one owner, one at a time."""

    def __init__(self, log: Log, state_topic: str, partition: int, next_offset: int, pass_by: Pass) -> None:
        self._log = log
        self._topic = state_topic
        self._partition = partition
        self._next_offset = next_offset
        self._pass_by = pass_by

    async def check(self, engine: Partition) -> None:
        """Look whether another wrote states since our last append; comes before `take`."""
        await self._take_back(engine, (await self._log.ends(self._topic, [self._partition]))[self._partition])

    def take(self, engine: Partition, outcomes_offset: int, events_offset: int, commands_offset: int) -> Taken:
        """What is dirty now; the offsets are those the states cover, so nothing may be in flight."""
        marker = Marker(
            engine.epoch,
            outcomes_offset,
            max(events_offset, engine.handled_offset),
            max(commands_offset, engine.handled_commands),
            engine.shelf.floor,
            engine.following.handovers.table(),
        )
        return Taken(engine.shelf.take_dirty(engine.shelf.dirty), marker)

    async def write(self, engine: Partition, taken: Taken) -> None:
        """Write what was taken; the partition may go on meanwhile."""
        if taken.states:
            with metrics.FLUSH_SECONDS.time():
                await self._write(engine, taken.states, taken.marker)
            metrics.FLUSHED_STATES.inc(len(taken.states))

    async def _write(self, engine: Partition, taken: Sequence[Changed], marker: Marker) -> None:
        self._pass_by("flush.taken")
        if any(changed.state is None for changed in taken):
            await self._append(engine, [NewRecord(FLOOR_KEY, encode(Floor(marker.floor)))])
            self._pass_by("flush.floor_written")
        for start in range(0, len(taken), STATES_PER_APPEND):
            records = [_record(engine.epoch, changed) for changed in taken[start : start + STATES_PER_APPEND]]
            await self._append(engine, records)
        self._pass_by("flush.states_written")
        await self._append(engine, [NewRecord(MARKER_KEY, encode(marker))])
        self._pass_by("flush.marked")

    async def _append(self, engine: Partition, records: Sequence[NewRecord]) -> None:
        appended = await self._log.append(self._topic, self._partition, records)
        # A foreign record may also lie between two batches of our own append.
        if appended.next_offset != self._next_offset + len(records):
            await self._take_back(engine, appended.next_offset)
        self._next_offset = appended.next_offset

    async def _take_back(self, engine: Partition, stop: int) -> None:
        """What another may have overwritten between our last append and `stop` has to be written again."""
        if stop > self._next_offset:
            foreign = read_through(self._log, self._topic, self._partition, self._next_offset, stop)
            keys = [record.key async for record in foreign]
            engine.shelf.mark_dirty(key.decode() for key in keys if key is not None and not key.startswith(b"\x00"))
            self._next_offset = stop


def _record(epoch: int, changed: Changed) -> NewRecord:
    key = changed.profile_id.encode()
    if changed.state is None:
        return NewRecord(key, None, ((EPOCH_HEADER, str(epoch).encode()),))
    return NewRecord(key, encode(StateRecord(epoch, changed.state, changed.stub)))
