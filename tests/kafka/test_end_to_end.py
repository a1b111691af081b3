"""The whole of it on a real broker under real kills: what comes out is what the oracle makes of what went in."""

import asyncio
import os
import random

import pytest

from tests.kafka.reckoning import redis_equals, report, settled_verdict
from tests.kafka.shoppers import Shoppers
from tests.kafka.storm import Storm, kill, kill_broker, victims

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EVENTS = int(os.environ.get("OCTYSEG_TEST_EVENTS", "200000"))
SEED = int(os.environ.get("OCTYSEG_TEST_SEED", "1"))
RATE_PER_S = 3_000
# Aimed at: 5 s, of which half is the start of a Python process. The fault matrix, which has the machine for itself,
# holds 9; here other tests run beside it, so on a slow machine the measure is what the workers needed to start in
# this very run: 2.4 starts alone, 3.1 beside other work. Were dead members waited for, the kills would add up to 77 s.
STANDSTILL_S = 9
STANDSTILL_STARTS = 5


@pytest.mark.timeout(300)
async def test_ten_kills_and_a_broker_restart_lose_nothing_and_double_nothing(fleet, capsys):
    slots = ["live-0", "live-1", "tags-0"]
    for slot in slots:
        fleet.start(slot)
    start_s = await fleet.until(fleet.is_open, "every partition has an owner")
    shoppers = Shoppers(fleet, EVENTS, RATE_PER_S, SEED)
    storm = Storm(fleet, shoppers)
    faults = [kill(slot) for slot in victims(random.Random(SEED), slots, 10)]
    faults.insert(5, kill_broker)
    async with asyncio.TaskGroup() as group:
        group.create_task(shoppers.run())
        group.create_task(storm.rage(faults))
    verdict = await settled_verdict(fleet, storm.outages)
    with capsys.disabled():
        print(report(verdict, storm.recoveries, seed=SEED, start=f"{start_s:.1f} s"))  # noqa: T201 - the figures are what the test is for
    assert not verdict.faults, verdict.examples[:3]
    assert verdict.events == EVENTS
    assert verdict.refused == 0
    assert verdict.changes > EVENTS / 100
    assert verdict.standstill_s <= max(STANDSTILL_S, STANDSTILL_STARTS * start_s)
    await redis_equals(fleet, verdict)
    assert await fleet.stop(*slots) == [0, 0, 0]
