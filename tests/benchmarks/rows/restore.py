"""Restart: one process opens every partition of a log that holds states. Here events are profiles."""

import asyncio

from octyseg.hosting.assembly import live_stage
from octyseg.hosting.opening import open_log
from octyseg.settings import Settings
from tests.benchmarks.measured import Measured, Stopwatch, peak_mib


def measure(settings: Settings, events: int) -> Measured:
    """Bring so many profiles back."""
    return asyncio.run(_measure(settings, events))


async def _measure(settings: Settings, events: int) -> Measured:
    before_mib = peak_mib()
    async with open_log(settings) as log:
        stage = live_stage(settings, log)
        await stage.start()
        watch = Stopwatch()
        await asyncio.gather(*(stage.open(number, {stage.inputs[0]: 0}) for number in range(settings.partitions)))
        measured = watch.stop(events, peak_mib=round(peak_mib()), before_mib=round(before_mib))
        assert sum(len(held.engine) for held in stage._open.values()) == events, "every profile is back"
        for number in range(settings.partitions):
            await stage.close(number)
        await stage.stop()
    return measured
