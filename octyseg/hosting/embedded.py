"""Run stages on the embedded log in one process: `octyseg dev`, and workers of a single machine.

A stage has one owner here: the process that holds the stage's lock beside the log file. Old records
are dropped and compacted topics compacted by whoever runs the live stage.
"""

import asyncio
import fcntl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any, Literal

from redis.asyncio import Redis

from octyseg.errors import UsageError
from octyseg.hosting.assembly import NEED_REDIS, stage_of
from octyseg.hosting.opening import open_log
from octyseg.hosting.runner import Runner
from octyseg.log.embedded import EmbeddedLog
from octyseg.log.port import Log
from octyseg.projection.connection import open_redis
from octyseg.settings import Settings
from octyseg.stages.port import StageName

CLEAN_EVERY_S = 60.0
# How long a stage rests after it handled a few records, in seconds. All of them share one processor, and each look
# at the log and each chunk takes it from the others: what nobody waits for takes more at a time.
REST_S: dict[StageName, float] = {"webhooks": 0.05, "projection": 0.1, "archive": 0.2}

# What else works on the same log and Redis in this process until it is told to end.
Beside = Callable[[Log, Redis, asyncio.Event], Coroutine[Any, Any, None]]


@contextmanager
def owning(file: Path, stages: Sequence[StageName]) -> Iterator[None]:
    """Hold the locks of these stages; UsageError when another process runs one of them on this log."""
    file.parent.mkdir(parents=True, exist_ok=True)
    held = []
    try:
        for stage in stages:
            lock = file.with_name(f"{file.name}.{stage}.lock").open("a")
            held.append(lock)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(
                    f"the {stage} stage of {file} runs in another process: "
                    "stop that one, or set OCTYSEG_LOG to another file"
                ) from None
        yield
    finally:
        for lock in held:
            lock.close()


async def run_embedded(
    settings: Settings,
    stages: Sequence[StageName],
    stop: asyncio.Event,
    *,
    time: Literal["wall", "events"] | None = None,
    on_ready: Callable[[], None] = lambda: None,
    beside: Beside | None = None,
) -> None:
    """Run the stages, and whatever else works `beside` them, until `stop` is set; raises the first error of any."""
    file = settings.embedded_file
    assert file is not None, "the caller chose the embedded log"
    async with AsyncExitStack() as stack:
        stack.enter_context(owning(file, stages))
        log = await stack.enter_async_context(open_log(settings, time=time))
        redis = await stack.enter_async_context(open_redis(settings)) if NEED_REDIS & set(stages) else None
        runners = [
            Runner(
                log,
                stage_of(name, settings, log, redis),
                settings.namespace,
                commit_every_s=settings.commit_every_s,
                rest_s=REST_S.get(name, 0.0),
            )
            for name in stages
        ]
        try:
            async with asyncio.TaskGroup() as group:
                for runner in runners:
                    group.create_task(runner.run(stop))
                if "live" in stages and isinstance(log, EmbeddedLog):
                    group.create_task(_clean(log, stop))
                if beside is not None and redis is not None:
                    group.create_task(beside(log, redis, stop))
                group.create_task(_tell_when_ready(runners, stop, on_ready))
        except* Exception as errors:  # noqa: BLE001 - the first of them is the news, the others follow from it
            raise _first(errors) from None


async def _tell_when_ready(runners: Sequence[Runner], stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
    stopping = asyncio.create_task(stop.wait())
    for runner in runners:
        ready = asyncio.create_task(runner.ready.wait())
        await asyncio.wait([stopping, ready], return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
    if not stopping.done():
        on_ready()
    stopping.cancel()


async def _clean(log: EmbeddedLog, stop: asyncio.Event) -> None:
    while not stop.is_set():
        await log.retain()
        await log.compact()
        try:
            async with asyncio.timeout(CLEAN_EVERY_S):
                await stop.wait()
        except TimeoutError:
            continue


def _first(errors: BaseExceptionGroup[Exception]) -> Exception:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error
