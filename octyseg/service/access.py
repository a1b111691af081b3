"""What a question is asked of: the log, the definitions on it, the ledger of runs, the projection, the settings.

Made by `open_access` for one verb or for as long as an API process runs.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from copy import copy
from functools import partial

from redis.asyncio import Redis

from octyseg.errors import Unavailable
from octyseg.hosting.opening import projection_of, wall_ms
from octyseg.hosting.runner import group_of
from octyseg.log.port import Appended, Log, NewRecord
from octyseg.model.definitions.registry import DefinitionRecord, Registry
from octyseg.model.placement import partition_of
from octyseg.projection.directory import Directory
from octyseg.projection.reader import Reader
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.repair import settle
from octyseg.stages.runs import LedgerFollower

SETTLE_TIMEOUT_S = 10.0
_LOOK_EVERY_S = 0.02


class Access:
    """One log and its projection. Methods may be called from many tasks of one loop."""

    def __init__(self, settings: Settings, log: Log, redis: Redis | None) -> None:
        self.settings = settings
        self.log = log
        self.follower = CatalogFollower(log, settings.topic("definitions"))
        self.ledger = LedgerFollower(log, settings.topic("runs"))
        # Who changes definitions looks at them, decides and writes: one after the other.
        self.defining = asyncio.Lock()
        self.partitions = 0
        self._redis = redis

    async def start(self) -> None:
        """Learn what is defined."""
        self.partitions = await self.log.partitions(self.settings.topic("events"))
        await self.follower.start()
        await self.ledger.start()

    async def close(self) -> None:
        """Stop following."""
        await self.follower.close()
        await self.ledger.close()

    def over(self, redis: Redis) -> "Access":
        """The same access with a projection that was opened later."""
        opened = copy(self)
        opened._redis = redis  # noqa: SLF001 - its own
        return opened

    @property
    def redis(self) -> Redis:
        """The projection's server."""
        assert self._redis is not None, "whoever asks for profiles opens the projection"
        return self._redis

    @property
    def reader(self) -> Reader:
        """Profiles, members and counts."""
        return Reader(self.redis, self.settings.redis_prefix, self.partitions)

    @property
    def directory(self) -> Directory:
        """The ways to profiles."""
        return Directory(self.redis, self.settings.redis_prefix, self.partitions)

    def now_ms(self) -> int:
        """The time that a change made now carries."""
        return wall_ms()

    def partition_of(self, profile_id: str) -> int:
        """Where a profile lives."""
        return partition_of(profile_id, self.partitions)

    async def registry(self) -> Registry:
        """All definitions as of now."""
        await self.follower.catch_up()
        return self.follower.registry

    async def define(self, records: Iterable[DefinitionRecord]) -> None:
        """Append definitions: all of them or, when the log is away, none; they are in force here on return."""
        new = [NewRecord(key, value) for key, value in records]
        if new:
            await self.log.append(self.settings.topic("definitions"), 0, new)
            await self.follower.catch_up()

    async def append(self, short_name: str, records: Iterable[tuple[str, bytes]]) -> dict[int, Appended]:
        """Append records to the partitions of their profiles, in order; all are acknowledged on return."""
        by_partition: dict[int, list[NewRecord]] = {}
        for profile_id, value in records:
            by_partition.setdefault(self.partition_of(profile_id), []).append(NewRecord(profile_id.encode(), value))
        topic = self.settings.topic(short_name)
        appended = await asyncio.gather(*(self.log.append(topic, *item) for item in by_partition.items()))
        return dict(zip(by_partition, appended, strict=True))

    async def bring_up(self, partitions: Sequence[int] | None = None) -> None:
        """On an embedded log: bring the projection to the end of outcomes, for nobody else may do it."""
        if self.settings.embedded_file is not None:
            projection = projection_of(self.settings, self.log, self.redis)
            for partition in range(self.partitions) if partitions is None else partitions:
                await settle(projection, partition)

    async def settled(self, timeout_s: float = SETTLE_TIMEOUT_S) -> None:
        """The projection shows all input that was appended before this call; Unavailable when it takes too long."""
        give_up_at = time.monotonic() + timeout_s
        for short_name in ("events", "commands"):
            ends = await self._ends(short_name)
            await self._until(partial(self._is_applied, short_name, ends), give_up_at)
        ends = await self._ends("outcomes")
        await self._until(partial(self._is_projected, ends), give_up_at)

    async def _ends(self, short_name: str) -> dict[int, int]:
        return await self.log.ends(self.settings.topic(short_name), range(self.partitions))

    async def _is_applied(self, short_name: str, ends: dict[int, int]) -> bool:
        group = group_of(self.settings.namespace, "live")
        committed = await self.log.committed(group, self.settings.topic(short_name), range(self.partitions))
        return all((committed[number] or 0) >= end for number, end in ends.items())

    async def _is_projected(self, ends: dict[int, int]) -> bool:
        reached = await self.reader.reached(list(ends))
        return all(reached[number] >= end for number, end in ends.items())

    async def _until(self, condition: Callable[[], Awaitable[bool]], give_up_at: float) -> None:
        while not await condition():
            if time.monotonic() > give_up_at:
                msg = "the workers are behind, so what was sent last is not known yet: look at their lag, ask again"
                raise Unavailable(msg)
            await asyncio.sleep(_LOOK_EVERY_S)


@asynccontextmanager
async def open_access(settings: Settings, log: Log, redis: Redis | None) -> AsyncIterator[Access]:
    """An access of a log that is open."""
    access = Access(settings, log, redis)
    await access.start()
    try:
        yield access
    finally:
        await access.close()
