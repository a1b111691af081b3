"""A fleet under one kind of fault while a shop's traffic runs; every run ends with the same verdict.

The environment sizes it: OCTYSEG_FAULT_EVENTS (20,000 a test), OCTYSEG_FAULT_ROUNDS (4) and OCTYSEG_FAULT_SEEDS (1).
"""

import asyncio
import os

from tests.kafka.reckoning import redis_equals, report, settled_verdict
from tests.kafka.shoppers import Shoppers
from tests.kafka.storm import Storm

EVENTS = int(os.environ.get("OCTYSEG_FAULT_EVENTS", "20000"))
ROUNDS = int(os.environ.get("OCTYSEG_FAULT_ROUNDS", "4"))
SEEDS = range(1, int(os.environ.get("OCTYSEG_FAULT_SEEDS", "1")) + 1)
RATE_PER_S = float(os.environ.get("OCTYSEG_FAULT_RATE", "1000"))
STANDSTILL_S = float(os.environ.get("OCTYSEG_TEST_STANDSTILL_S", "9"))
SLOTS = ("live-0", "live-1", "tags-0")
LIVE = ("live-0", "live-1")


class Run:
    """One fleet under one kind of fault; `verdict` is there afterwards, and all zero."""

    def __init__(self, fleet, capsys):
        self.fleet = fleet
        self.capsys = capsys

    async def under(
        self, faults, seed=1, *, count=EVENTS, rate_per_s=RATE_PER_S, affliction=None, on_events=False, **more
    ):
        """`affliction` is what is wrong with each slot's worker from its first start on: see tests.kafka.afflicted.

        `on_events`: events go on until the last fault is healed, however long that takes.
        """
        for slot in SLOTS:
            self.fleet.start(slot, **(affliction or {}).get(slot, {}))
        await self.fleet.until(self.fleet.is_open, "every partition has an owner")
        shoppers = Shoppers(self.fleet, count, rate_per_s, seed, **more)
        storm = Storm(self.fleet, shoppers)
        async with asyncio.TaskGroup() as group:
            group.create_task(shoppers.run())
            group.create_task(storm.rage(faults, on_events=on_events))
        return await self.reckon(storm, seed)

    async def reckon(self, storm, seed):
        verdict = await settled_verdict(self.fleet, storm.outages)
        with self.capsys.disabled():
            print(report(verdict, storm.recoveries, seed=seed))  # noqa: T201 - the figures are what the matrix is for
        assert not verdict.faults, verdict.examples[:3]
        await redis_equals(self.fleet, verdict)
        return verdict
