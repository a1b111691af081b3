"""The projection stage: keeps Redis equal to what outcomes say, and heals it when it lost something.

Input: valid outcomes, in log order. Redis is not the truth, so nothing is lost while it is away: the
stage waits, says so once, and goes on. Before its first write to a partition, and whenever Redis has
less than it was given, it brings the whole partition to the end of the log.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import NamedTuple

from octyseg import metrics
from octyseg.errors import ProjectionUnavailable
from octyseg.log.port import Chunk
from octyseg.model.outcome import Swept
from octyseg.projection.writer import Marker, Update
from octyseg.stages.availability import WAIT_MAX_S, Availability
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.crashpoints import Pass, pass_by
from octyseg.stages.deletion import end_deletions
from octyseg.stages.outcomes import Fence
from octyseg.stages.repair import Projection, settle, update_of
from octyseg.stages.sizes import TELLING_PARTITION, Sizes

LOOK_EVERY_S = 5.0


class _Partition:
    """What the stage knows of a partition it has: where it reads, and where it left the marker."""

    def __init__(self, fence: Fence, position: int) -> None:
        self.fence = fence
        self.position = position
        self.floor: int | None = None
        self.turn = asyncio.Lock()


class _Read(NamedTuple):
    """A chunk, read: the last update of each profile, segments told to be swept, how many outcomes show nothing new."""

    updates: list[Update]
    swept: set[str]
    reached: Marker
    quiet: int


class ProjectionStage:
    """Consumer of outcomes with a group of its own. Made once per process; waits inside `handle` for Redis.

    A host that wants to end while Redis is away cancels the `handle` that waits: nothing was committed.
    """

    name = "projection"

    def __init__(
        self,
        projection: Projection,
        wait_max_s: float = WAIT_MAX_S,
        follower: CatalogFollower | None = None,
        *,
        passing: Pass = pass_by,
    ) -> None:
        self.inputs = (projection.outcomes,)
        self._projection = projection
        self._follower = follower
        self._sizes = Sizes()
        self._pass_by = passing
        self._availability = Availability("projection", metrics.REDIS_AVAILABLE.labels(self.name), wait_max_s)
        self._partitions: dict[int, _Partition] = {}
        self._look_at_s = 0.0

    async def start(self) -> None:
        """Redis is asked at the first write, not here: other stages need not wait for it."""
        if self._follower is not None:
            await self._follower.start()
            self._adopt()

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """Learn which owner's outcomes count at the position."""
        (topic,) = self.inputs
        fence = Fence(self.name)
        await fence.look_back(self._projection.log, topic, partition, positions[topic])
        self._partitions[partition] = _Partition(fence, positions[topic])
        self._look_at_s = 0.0
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._partitions))

    async def handle(self, chunk: Chunk) -> None:
        """Redis holds what the chunk says on return, however long that takes."""
        own = self._partitions[chunk.partition]
        with metrics.chunk_seconds(self.name).time():
            read = await _read(own, chunk)
            self._pass_by("projection.read")
            async with own.turn:
                await self._availability.until(lambda: self._write(chunk.partition, own, read))
        own.position = chunk.next_offset
        self._pass_by("projection.applied")

    async def tick(self) -> None:
        """Now and then look whether Redis still holds what it was given, also while no outcome comes."""
        now_s = time.monotonic()
        if now_s < self._look_at_s:
            return
        self._look_at_s = now_s + LOOK_EVERY_S
        if self._follower is not None and await self._follower.poll():
            self._adopt()
        try:
            looked = await self._look_at_all()
        except ProjectionUnavailable as error:
            self._availability.told(error)
            return
        if looked:
            self._availability.told(None)

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """The marker in Redis is what counts here."""

    async def close(self, partition: int) -> None:
        """Forget the partition; its content stays."""
        self._partitions.pop(partition, None)
        if partition == TELLING_PARTITION:
            self._sizes.withdraw()
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._partitions))

    async def stop(self) -> None:
        """The client belongs to who opened it."""
        if self._follower is not None:
            await self._follower.close()

    def _adopt(self) -> None:
        """Find profiles by what the account says identifies a customer."""
        assert self._follower is not None
        account = self._follower.registry.account()
        self._projection.writer.identity_key = None if account is None else account.authenticated_id_key

    async def _write(self, partition: int, own: _Partition, read: _Read) -> None:
        if own.floor is None:
            own.floor = (await settle(self._projection, partition)).offset
        writer = self._projection.writer
        written = await writer.apply(partition, read.updates, own.floor, read.reached)
        if written.lost:
            own.floor = (await settle(self._projection, partition)).offset
        own.floor = max(own.floor, read.reached.offset)
        if read.swept:
            await writer.mark_swept(partition, read.swept)
            await end_deletions(self._projection, read.swept, read.reached.arrived_at_ms)
        metrics.PROJECTION_OUTCOMES.labels("applied").inc(written.applied)
        metrics.PROJECTION_OUTCOMES.labels("older").inc(written.older)
        metrics.PROJECTION_OUTCOMES.labels("quiet").inc(read.quiet)

    async def _look_at_all(self) -> bool:
        """Whether Redis was asked about any partition; about those in whose turn it is asked anyway it is not."""
        looked = False
        for partition, own in list(self._partitions.items()):
            if own.turn.locked():
                continue  # its `handle` is looking, or waiting, already
            async with own.turn:
                await self._look(partition, own)
            looked = True
        if self._follower is not None and TELLING_PARTITION in self._partitions:
            counts = await self._projection.reader.counts()
            if TELLING_PARTITION in self._partitions:
                self._sizes.tell(self._follower.registry, counts.members)
        return looked

    async def _look(self, partition: int, own: _Partition) -> None:
        marker = await self._projection.writer.marker(partition) if own.floor is not None else None
        if own.floor is None or marker is None or marker.offset < own.floor:
            own.floor = (await settle(self._projection, partition)).offset


async def _read(own: _Partition, chunk: Chunk) -> _Read:
    """What of a chunk is to be written.

    What stands below the floor is in, and will be whatever Redis loses: who settles a partition reads to its end.
    """
    updates: dict[str, Update] = {}
    swept: set[str] = set()
    quiet = 0
    floor = own.floor or 0
    own.fence.last_arrival_ms = 0
    for batch in chunk.batches:
        for entry in own.fence.walk(batch, own.position):
            if isinstance(entry, Swept):
                swept.update(entry.segment_ids)
            elif entry.offset >= floor and entry.outcome.shown:
                updates[entry.profile_id] = update_of(entry)
            else:
                quiet += 1
        await asyncio.sleep(0)
    return _Read(list(updates.values()), swept, Marker(chunk.next_offset, own.fence.last_arrival_ms), quiet)
