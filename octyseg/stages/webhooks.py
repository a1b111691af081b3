"""The webhooks stage: every tag change that an endpoint wants goes on the durable schedule, and from there out.

Input: changes as they stand on `octyseg.tags`. On return of `handle` they are on `octyseg.deliveries` and
in Redis; sending goes on beside it. While Redis is away the stage waits and says so, and when Redis lost
something the schedule is made again from the log.
"""

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from octyseg import logs, metrics
from octyseg.errors import ProjectionUnavailable
from octyseg.log.port import Chunk, Log
from octyseg.projection.reader import Reader
from octyseg.stages import webhooks_repair
from octyseg.stages.availability import Availability
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.crashpoints import Pass, pass_by
from octyseg.stages.webhooks_intake import Intake, Taken
from octyseg.stages.webhooks_ledger import Ledger, Topics
from octyseg.stages.webhooks_outboxes import Outboxes, Outward
from octyseg.webhooks.breaker import Breaker
from octyseg.webhooks.delivery import Delivery
from octyseg.webhooks.judging import Settlement
from octyseg.webhooks.queue import Marker

LOOK_EVERY_S = 5.0
POLL_EVERY_S = 0.5
# Posts to healthy receivers end within it; others are sent again by the next owner, under the same id.
DRAIN_S = 0.5
# How long Redis may take for the last results.
FLUSH_S = 5.0

_logger = logs.get(__name__)


class _Partition:
    """A partition we have: where it reads on, and where its schedule's marker was left; None: not looked yet."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.floor: Marker | None = None


class WebhooksStage:
    """Consumer of tags with a group of its own. Made once per process; `handle` waits for Redis."""

    name = "webhooks"

    def __init__(
        self,
        log: Log,
        topics: Topics,
        follower: CatalogFollower,
        profiles: Reader,
        outward: Outward,
        *,
        max_staleness_ms: int | None = None,
        passing: Pass = pass_by,
    ) -> None:
        self.inputs = (topics.tags,)
        self._log = log
        self._topics = topics
        self._profiles = profiles
        self._outward = outward
        self._availability = Availability("schedule of webhooks", metrics.REDIS_AVAILABLE.labels(self.name))
        self._intake = Intake(self._profile, max_staleness_ms)
        self._outboxes = Outboxes(log, follower, outward, topics.definitions, self._settled)
        self._pass = passing
        self._ledger = Ledger(
            log,
            topics,
            outward.queue,
            until_available=self._availability.until,
            on_written=self._outboxes.written,
            pass_by=passing,
        )
        self._partitions: dict[int, _Partition] = {}
        self._writing: asyncio.Task[None] | None = None
        self._look_at_s = 0.0
        self._poll_at_s = 0.0

    async def start(self) -> None:
        """Learn the endpoints; Redis is asked when the first partition needs it."""
        await self._outboxes.start()
        self._writing = asyncio.create_task(self._ledger.run(), name="webhooks ledger")

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """Its schedule is brought to the position before anything else is done with it."""
        self._partitions[partition] = _Partition(positions[self._topics.tags])
        self._look_at_s = 0.0
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._partitions))

    async def handle(self, chunk: Chunk) -> None:
        """Every delivery the chunk leads to is on the log and in the schedule on return."""
        own = self._partitions[chunk.partition]
        with metrics.chunk_seconds(self.name).time():
            async with self._ledger.turn(chunk.partition):
                floor = await self._availability.until(lambda: self._look(chunk.partition, own))
                taken = await self._read(max(own.position, floor.tags), chunk)
                reached = floor.deliveries
                if taken.records:
                    reached = await self._ledger.append(chunk.partition, taken.records)
                self._pass("webhooks.scheduled")
                marker = Marker(chunk.next_offset, reached)
                await self._availability.until(lambda: self._put(chunk.partition, own, taken.deliveries, marker))
                own.position = chunk.next_offset
                self._pass("webhooks.put")
        self._outboxes.notice(chunk.partition, {delivery.endpoint for delivery in taken.deliveries})

    async def tick(self) -> None:
        """Send what is due, follow the definitions, and look now and then whether Redis holds what it was given."""
        if self._writing is not None and self._writing.done():
            self._writing.result()
        self._outboxes.tick(self._outward.clock())
        now_s = time.monotonic()
        if now_s >= self._poll_at_s:
            self._poll_at_s = now_s + POLL_EVERY_S
            await self._outboxes.poll()
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_EVERY_S
            await self._look_at_all()

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """The schedule's marker is what counts here."""

    async def close(self, partition: int) -> None:
        """Let posts under way end and write down what became of them; the rest is the next owner's."""
        await self._outboxes.close(partition, DRAIN_S)
        try:
            async with asyncio.timeout(FLUSH_S):
                await self._ledger.flush(partition)
        except TimeoutError:
            _logger.warning("results of deliveries were not written: they will be sent again", partition=partition)
        self._outboxes.forget(partition)
        self._partitions.pop(partition, None)
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._partitions))

    async def stop(self) -> None:
        """End all tasks; the clients belong to who opened them."""
        await self._outboxes.stop()
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def _settled(self, partition: int, settlement: Settlement, breaker: Breaker) -> None:
        self._ledger.add(partition, settlement, breaker)

    async def _read(self, start: int, chunk: Chunk) -> Taken:
        taken = Taken([], [])
        now_ms = self._outward.clock()
        for batch in chunk.batches:
            for record in batch:
                if record.offset >= start:
                    await self._intake.take(record, self._outboxes.endpoints.values(), now_ms, taken)
            await asyncio.sleep(0)
        return taken

    async def _put(self, partition: int, own: _Partition, deliveries: Sequence[Delivery], reached: Marker) -> None:
        floor = await self._look(partition, own)
        while not await self._outward.queue.put(partition, deliveries, floor.tags, reached):
            own.floor = None
            floor = await self._look(partition, own)
        own.floor = reached

    async def _look(self, partition: int, own: _Partition) -> Marker:
        """Agree with the log before the first use, and whenever Redis turned out to have lost something."""
        if own.floor is None:
            queue = self._outward.queue
            await queue.refuse_unfit()
            floor = await webhooks_repair.settle(self._log, self._topics, queue, partition, own.position)
            await self._outboxes.prepare(partition)
            own.floor = floor
            if self._partitions.get(partition) is own:
                self._outboxes.open(partition)
        return own.floor

    async def _look_at_all(self) -> None:
        for partition, own in list(self._partitions.items()):
            turn = self._ledger.turn(partition)
            if turn.locked():
                continue  # who holds it is looking, or waiting, already
            async with turn:
                try:
                    if own.floor is not None:
                        marker = await self._outward.queue.marker(partition)
                        if marker is None or marker.tags < own.floor.tags:
                            own.floor = None
                    await self._look(partition, own)
                except ProjectionUnavailable as error:
                    self._availability.told(error)
                    return
        self._availability.told(None)

    async def _profile(self, profile_id: str) -> dict[str, Any]:
        found = await self._availability.until(lambda: self._profiles.profile(profile_id))
        return {} if found is None else msgspec.to_builtins(found)
