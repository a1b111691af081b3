"""The whole live step hosted without a framework: octyseg.hosting.runner over the Kafka log."""

import asyncio

from octyseg.hosting.collector import relax_collector
from octyseg.hosting.opening import open_log
from octyseg.hosting.runner import Runner
from octyseg.settings import Settings
from tests.benchmarks.measured import Measured
from tests.benchmarks.timed import timed


def measure(settings: Settings, events: int) -> Measured:
    """Detect in so many events and have the outcomes acknowledged."""
    return asyncio.run(_measure(settings, events))


async def _measure(settings: Settings, events: int) -> Measured:
    async with open_log(settings) as log:
        stage = timed(settings, log, settings.partitions)
        stage.go.set()
        relax_collector()
        running = asyncio.create_task(Runner(log, stage, settings.namespace).run(stage.done))
        await running
        assert stage.measured is not None, "the run ends when all was handled"
        assert stage.measured.events == events, "every event was handled"
        return stage.measured
