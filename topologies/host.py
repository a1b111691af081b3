"""Binds a stage to a Faust app: one agent per input topic, one actor per partition, lanes between them.

Faust says which partitions are ours and brings chunks; the lanes keep order and the stage decides. What
the stage has handled is committed by Faust's consumer. A stage that raises ends the process.
"""

import asyncio
import time
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Any

from faust.types import TP

from octyseg import logs
from octyseg.cancellation import is_cancelled
from octyseg.errors import OctysegError, TwinFound
from octyseg.hosting.runner import group_of
from octyseg.log import topics
from octyseg.log.port import Chunk, Log
from octyseg.settings import Settings
from octyseg.stages.port import Stage
from topologies.app import App, Unopened, make_app
from topologies.ending import end
from topologies.lanes import Lanes
from topologies.twins import TwinWatch
from topologies.watchdog import Watchdog

Closing = Callable[[], Awaitable[None]]

_TICK_EVERY_S = 0.05
# How long a chunk in hand may take to finish when its partition goes or the process ends.
_DRAIN_S = 5.0

_logger = logs.get(__name__)


class Host:
    """One stage in one Faust app, from the app's start to its stop; `closing` is what is closed after it."""

    def __init__(
        self,
        app: App,
        stage: Stage,
        log: Log,
        settings: Settings,
        *closing: Closing,
        end: Callable[[str, BaseException | str], None] = end,
    ) -> None:
        self._app = app
        self._stage = stage
        self._log = log
        self._topics = topics.specs(settings.namespace, settings.partitions)
        self._closing = closing
        self._end = end
        self._twin = TwinWatch(settings.instance_id, time.monotonic)
        self._jobs: list[asyncio.Task[None]] = []
        self._lanes = Lanes(
            stage,
            log,
            group_of(settings.namespace, stage.name),
            handled=self._on_handled,
            end=lambda error: end(stage.name, error),
            drain_s=_DRAIN_S,
            fenced_s=settings.session_timeout_s,
        )
        self._watchdog = Watchdog(
            stage.name,
            log,
            idle=self._lanes.idle,
            progress=self._progress,
            end=lambda reason: end(stage.name, reason),
            read_again=self._read_again,
        )
        app.open_host, app.close_host = self._open, self._close
        app.on_partitions_revoked.connect(self._on_revoked)
        app.on_partitions_assigned.connect(self._on_assigned)
        for topic in stage.inputs:
            app.agent(app.topic(topic, schema=Unopened()), name=topic, isolated_partitions=True)(self._follow)

    async def _follow(self, chunks: AsyncIterable[Chunk]) -> None:
        """One actor: the chunks of one partition of one topic, in order."""
        async for chunk in chunks:
            await self._lanes.take(chunk)

    async def _open(self) -> None:
        try:
            await self._log.start()
            await self._log.create_topics(self._topics)
            await self._stage.start()
        except OctysegError as error:
            self._end(self._stage.name, error)
        self._app.consumer.on_committed = self._lanes.committed
        for name, job in (("ticks", self._tick()), ("is watched", self._watchdog.run())):
            task = asyncio.create_task(job, name=f"{self._stage.name} {name}")
            task.add_done_callback(self._on_job_done)
            self._jobs.append(task)
        _logger.info("stage started", stage=self._stage.name, inputs=list(self._stage.inputs))

    async def _close(self) -> None:
        if not self._jobs:
            return
        for task in self._jobs:
            task.cancel()
        await asyncio.wait(self._jobs)
        self._jobs.clear()
        await self._lanes.revoke()
        await self._app.consumer.commit_all()
        await self._lanes.close()
        await self._stage.stop()
        await self._log.close()
        for close in self._closing:
            await close()
        _logger.info("stage stopped", stage=self._stage.name)

    def _on_handled(self, topic: str, number: int, offset: int) -> None:
        self._app.consumer.handled(topic, number, offset)

    async def _on_revoked(self, *_: Any, **__: Any) -> None:
        if not self._app.consumer.is_member() and self._twin.is_there():
            self._end(self._stage.name, TwinFound(self._twin.message))
        await self._lanes.revoke()
        await self._app.consumer.commit_all()

    async def _on_assigned(self, app: App, assigned: set[TP], **_: Any) -> None:
        numbers = {tp.partition for tp in assigned if tp.topic in self._stage.inputs}
        generation = app.consumer_generation_id
        self._twin.on_assigned(generation)
        await self._lanes.assign(numbers, generation)
        _logger.info("partitions assigned", stage=self._stage.name, partitions=sorted(numbers), generation=generation)

    async def _tick(self) -> None:
        # Not for ever: Redis' client may take a cancellation for a lost connection.
        while not is_cancelled():
            await asyncio.sleep(_TICK_EVERY_S)
            self._app.consumer.check_group()
            await self._lanes.tick()

    def _progress(self) -> dict[tuple[str, int], int | None]:
        offsets: dict[tuple[str, int], int | None] = self._app.consumer.committed_offsets()
        return offsets

    async def _read_again(self, place: tuple[str, int]) -> None:
        """Have the consumer fetch from where the lane stands; what comes twice is cut off there."""
        position = self._lanes.position(*place)
        if position is not None:
            await self._app.consumer.seek(TP(*place), position)

    def _on_job_done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelling():
            self._end(self._stage.name, task.exception() or f"{task.get_name()}: it stopped by itself")


def host(settings: Settings, stage: Stage, log: Log, *closing: Closing) -> App:
    """The Faust app that hosts the stage."""
    app = make_app(settings, stage.name)
    Host(app, stage, log, settings, *closing)
    return app
