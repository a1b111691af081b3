"""What a tags worker does with the outcomes of the events: `octyseg.tags` first, then Redis, in one process.

The live stage runs before, unmeasured. Events are counted, so that the rate stands beside those of the other
rows: `more` has what each stage costs an outcome. Redis is a Valkey, a process of its own.
"""

import asyncio
import tempfile
from pathlib import Path

from octyseg.hosting.assembly import WORKERS, live_stage, stage_of
from octyseg.hosting.collector import relax_collector
from octyseg.hosting.opening import open_log, projection_of
from octyseg.hosting.runner import Runner
from octyseg.log.port import Log
from octyseg.projection.connection import open_redis
from octyseg.projection.private import private_valkey
from octyseg.settings import Settings
from octyseg.stages.port import Stage
from octyseg.stages.repair import settle
from tests.benchmarks.measured import Measured
from tests.benchmarks.timed import Timed


def measure(settings: Settings, events: int) -> Measured:
    """Publish and project what so many events led to."""
    with tempfile.TemporaryDirectory() as directory, private_valkey(Path(directory)) as url:
        return asyncio.run(_measure(settings.model_copy(update={"redis": url}), events))


async def _measure(settings: Settings, events: int) -> Measured:
    async with open_log(settings) as log, open_redis(settings) as redis:
        # A partition that was never projected is rebuilt from the log, which is another kind of work.
        for number in range(settings.partitions):
            await settle(projection_of(settings, log, redis), number)
        relax_collector()
        await _run(settings, log, live_stage(settings, log))
        each = {name: await _run(settings, log, stage_of(name, settings, log, redis)) for name in WORKERS["tags"]}
        changes = await log.ends(settings.topic("tags"), range(settings.partitions))
    more: dict[str, object] = {"outcomes": each["tags"].events, "changes": sum(changes.values())}
    for name, one in each.items():
        more[f"{name}_us_an_outcome"] = round(one.cpu_s / one.events * 1e6, 1)
    seconds, cpu_s = sum(one.seconds for one in each.values()), sum(one.cpu_s for one in each.values())
    return Measured(events, seconds, cpu_s, more=more)


async def _run(settings: Settings, log: Log, stage: Stage) -> Measured:
    """To the end of what the stage's input holds."""
    timed = Timed(stage, log, settings.partitions)
    timed.go.set()
    await Runner(log, timed, settings.namespace).run(timed.done)
    assert timed.measured is not None, "the run ends when all was handled"
    return timed.measured
