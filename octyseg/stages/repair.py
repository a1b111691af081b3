"""Brings one partition of the projection to where its outcomes are: by catching up, or by making it again.

Called by the projection stage before its first write and when Redis lost something, and by verbs that
read alone. In place: what is right stays visible all the time. A stage may be writing meanwhile, and Redis
may lose its content while it is given it: then all of it is done again.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import NamedTuple

from octyseg import logs, metrics
from octyseg.engine.state import ProfileState
from octyseg.log.port import Log, read_through
from octyseg.projection.content import content_of, version_of
from octyseg.projection.reader import Reader
from octyseg.projection.writer import BATCH, Marker, Repair, Update, Writer
from octyseg.stages.fold import fold
from octyseg.stages.outcomes import Entry, Fence, state_in

_logger = logs.get(__name__)


class Projection(NamedTuple):
    """The projection of one log: where repairs read from and write to."""

    log: Log
    namespace: str
    reader: Reader
    writer: Writer

    @property
    def outcomes(self) -> str:
        """The topic that is projected."""
        return self.namespace + "outcomes"


class _Repaired(NamedTuple):
    """How far the partition is in, and how its marker gets there."""

    reached: Marker
    repair: Repair


async def settle(projection: Projection, partition: int) -> Marker:
    """The partition is at the end of its outcomes when this returns; tells how far that is."""
    await projection.writer.refuse_unfit()
    return await _until_kept(projection, partition, lambda: _settled(projection, partition))


async def rebuild(projection: Projection, partition: int, repair: Repair, cause: str) -> Marker:
    """Make the partition again from the states in the log; tells how far it is then."""
    return await _until_kept(projection, partition, lambda: _rebuilt(projection, partition, repair, cause))


async def expel_strays(projection: Projection) -> int:
    """Take memberships out that no profile's tags know, over all partitions; tells how many were looked at."""
    found = 0
    async for strays in projection.reader.strays():
        await projection.writer.expel(strays)
        found += len(strays)
    return found


async def _until_kept(projection: Projection, partition: int, work: Callable[[], Awaitable[_Repaired]]) -> Marker:
    """The marker moves when Redis has kept everything that was put since the work began."""
    while True:
        repairing = await projection.writer.begin(partition)
        reached, repair = await work()
        if await projection.writer.finish(partition, repairing, repair, reached):
            return reached
        _logger.warning("redis lost its content during a repair, repairing again", partition=partition)


async def _settled(projection: Projection, partition: int) -> _Repaired:
    marker = await projection.writer.marker(partition)
    if marker is None:
        return await _rebuilt(projection, partition, Repair.REBUILD, "nothing there")
    first = (await projection.log.starts(projection.outcomes, [partition]))[partition]
    end = (await projection.log.ends(projection.outcomes, [partition]))[partition]
    if marker.offset > end or not await _is_of_this_log(projection, partition, marker):
        return await _rebuilt(projection, partition, Repair.REPLACE, "of another log")
    if marker.offset < first:
        return await _rebuilt(projection, partition, Repair.REBUILD, "too far behind")
    return _Repaired(await _catch_up(projection, partition, marker), Repair.REBUILD)


async def _rebuilt(projection: Projection, partition: int, repair: Repair, cause: str) -> _Repaired:
    metrics.PROJECTION_REBUILDS.labels(cause).inc()
    with metrics.RESTORE_SECONDS.labels("projection").time():
        # Looked at before the log is read: who comes later is not missing from the fold but newer.
        before = {
            found.profile_id: found.version async for batch in projection.reader.stored(partition) for found in batch
        }
        folded = await fold(projection.log, projection.namespace, partition)
        updates = []
        for profile_id in folded.states:
            updates.append(_update(profile_id, folded.state(profile_id)))
            if len(updates) == BATCH:
                await projection.writer.put(partition, updates, repair)
                updates.clear()
        await projection.writer.put(partition, updates, repair)
        gone = [item for item in before.items() if item[0] not in folded.states]
        for start in range(0, len(gone), BATCH):
            await projection.writer.remove(partition, gone[start : start + BATCH])
        reached = Marker(folded.end, await _arrival_before(projection, partition, folded.end))
        if folded.states:
            _logger.info("projection rebuilt", partition=partition, profiles=len(folded.states), cause=cause)
        # A profile that a stage forgot while its older state was being put comes out again here.
        return _Repaired(await _catch_up(projection, partition, reached, folded.epoch), repair)


async def _catch_up(projection: Projection, partition: int, marker: Marker, epoch: int | None = None) -> Marker:
    fence = Fence("projection", epoch or 0)
    if epoch is None:
        await fence.look_back(projection.log, projection.outcomes, partition, marker.offset)
    end = (await projection.log.ends(projection.outcomes, [partition]))[partition]
    updates: dict[str, Update] = {}
    async for entry in _entries(projection, partition, fence, marker.offset, end):
        updates[entry.profile_id] = update_of(entry)
        if len(updates) == BATCH:
            await projection.writer.put(partition, list(updates.values()), Repair.REBUILD)
            updates.clear()
    await projection.writer.put(partition, list(updates.values()), Repair.REBUILD)
    return Marker(end, fence.last_arrival_ms if end > marker.offset else marker.arrived_at_ms)


async def _entries(projection: Projection, partition: int, fence: Fence, start: int, stop: int) -> AsyncIterator[Entry]:
    async for record in read_through(projection.log, projection.outcomes, partition, start, stop):
        entry = fence.admit(record)
        if isinstance(entry, Entry):
            if entry.outcome.shown:
                yield entry
        elif entry is not None:
            await projection.writer.mark_swept(partition, entry.segment_ids)


async def _is_of_this_log(projection: Projection, partition: int, marker: Marker) -> bool:
    arrival_ms = await _arrival_before(projection, partition, marker.offset)
    return arrival_ms == marker.arrived_at_ms or not arrival_ms or not marker.arrived_at_ms


async def _arrival_before(projection: Projection, partition: int, offset: int) -> int:
    """When the record before this offset arrived; 0 when it is not there (any more)."""
    first = (await projection.log.starts(projection.outcomes, [partition]))[partition]
    if offset > first:
        async for record in read_through(projection.log, projection.outcomes, partition, offset - 1, offset):
            return record.timestamp
    return 0


def update_of(entry: Entry) -> Update:
    """What one outcome makes of its profile in the projection."""
    outcome = entry.outcome
    if outcome.state is None:
        version = version_of(outcome.sequence, outcome.events_offset, outcome.commands_offset)
        return Update(entry.offset, entry.profile_id, version, None)
    return _update(entry.profile_id, state_in(entry.profile_id, outcome.state), entry.offset)


def _update(profile_id: str, state: ProfileState, offset: int = 0) -> Update:
    version = version_of(state.sequence, state.events_offset, state.commands_offset)
    return Update(offset, profile_id, version, content_of(state))
