"""Folds `octyseg.state` and `octyseg.outcomes` of one partition into the newest state of every profile.

For readers of states that are not their owner: the rebuild and the check of the projection. What
lies below the last flush comes from the state topic, the rest from valid outcomes, later ones last.
"""

from typing import NamedTuple

from octyseg import logs, metrics
from octyseg.engine.state import ProfileState
from octyseg.log.port import Log, read_through
from octyseg.model.outcome import MARKER_KEY, Marker, decode_marker, decode_state_record
from octyseg.stages.outcomes import Entry, Fence, state_in

_logger = logs.get(__name__)


class Fold(NamedTuple):
    """Encoded states by profile id, as of the end of outcomes, `offset`; the record before it arrived then."""

    states: dict[str, bytes]
    offset: int
    arrived_at_ms: int
    epoch: int

    def state(self, profile_id: str) -> ProfileState:
        """One state, decoded."""
        return state_in(profile_id, self.states[profile_id])


async def fold(log: Log, namespace: str, partition: int) -> Fold:
    """Read the partition's states back; outcomes that are gone and no flush covered are counted and told."""
    states, marker = await _flushed(log, namespace + "state", partition)
    outcomes = namespace + "outcomes"
    first = (await log.starts(outcomes, [partition]))[partition]
    if marker.outcomes_offset < first:
        # Claims of an idle partition expire too, so this alone is not proof of a loss.
        gap = first - marker.outcomes_offset
        metrics.GAP_RECORDS.labels(outcomes).inc(gap)
        _logger.warning("retention removed outcomes that no flush covers", partition=partition, records=gap)
    end = (await log.ends(outcomes, [partition]))[partition]
    fence = Fence("fold", marker.epoch)
    async for record in read_through(log, outcomes, partition, max(first, marker.outcomes_offset), end):
        entry = fence.admit(record)
        if isinstance(entry, Entry):
            if entry.outcome.state is None:
                states.pop(entry.profile_id, None)
            else:
                states[entry.profile_id] = entry.outcome.state
    return Fold(states, end, fence.last_arrival_ms, fence.epoch)


async def _flushed(log: Log, topic: str, partition: int) -> tuple[dict[str, bytes], Marker]:
    marker = Marker(epoch=0, outcomes_offset=0, events_offset=0, commands_offset=0, floor=0)
    states: dict[str, bytes] = {}
    epochs: dict[str, int] = {}
    first = (await log.starts(topic, [partition]))[partition]
    end = (await log.ends(topic, [partition]))[partition]
    async for record in read_through(log, topic, partition, first, end):
        assert record.key is not None, "every record of the state topic has a key"
        if record.key == MARKER_KEY and record.value is not None:
            newer = decode_marker(record.value)
            marker = newer if newer.epoch >= marker.epoch else marker
        elif record.key.startswith(b"\x00"):
            continue
        elif record.value is None:
            states.pop(record.key.decode(), None)
        else:
            profile_id, flushed = record.key.decode(), decode_state_record(record.value)
            # A paused owner may flush after its successor: the higher epoch has the newer state.
            if flushed.epoch >= epochs.get(profile_id, 0):
                states[profile_id], epochs[profile_id] = flushed.state, flushed.epoch
    return states, marker
