"""The whole of it on a real broker under real kills: what comes out is what the oracle makes of what went in."""

import asyncio
import json
import os
import random
import time

import pytest

from octyseg.projection.connection import connect
from octyseg.projection.reader import Reader
from tests.kafka.shoppers import Shoppers
from tests.kafka.storm import Storm, kill, kill_broker
from tests.kafka.verdict import Judge, percentile

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

EVENTS = int(os.environ.get("OCTYSEG_TEST_EVENTS", "200000"))
SEED = int(os.environ.get("OCTYSEG_TEST_SEED", "1"))
RATE_PER_S = 3_000
# Half of it is the start of a Python process: a machine that is busy with other work needs more.
STANDSTILL_S = float(os.environ.get("OCTYSEG_TEST_STANDSTILL_S", "5"))
# The longest frame and the life of a tag after the last event, and the grace.
SETTLE_S = 10.0


@pytest.mark.timeout(300)
async def test_ten_kills_and_a_broker_restart_lose_nothing_and_double_nothing(fleet, capsys):
    slots = ["live-0", "live-1", "tags-0"]
    for slot in slots:
        fleet.start(slot)
    await fleet.until(fleet.is_open, "every partition has an owner")
    shoppers = Shoppers(fleet, EVENTS, RATE_PER_S, SEED)
    storm = Storm(fleet, shoppers)
    faults = [kill(slot) for slot in victims(random.Random(SEED), slots, 10)]
    faults.insert(5, kill_broker)
    async with asyncio.TaskGroup() as group:
        group.create_task(shoppers.run())
        group.create_task(storm.rage(faults))
    verdict = await settled_verdict(fleet, storm)
    with capsys.disabled():
        print(report(verdict, storm))  # noqa: T201 - the figures are what the test is for
    assert not verdict.faults, verdict.examples[:3]
    assert verdict.events == EVENTS
    assert verdict.refused == 0
    assert verdict.changes > EVENTS / 100
    assert verdict.standstill_s <= STANDSTILL_S
    await redis_equals(fleet, verdict)
    assert await fleet.stop(*slots) == [0, 0, 0]


def victims(chance, slots, count):
    """Random slots, none twice in a row: a worker that has not come back yet is not there to be killed."""
    chosen = [chance.choice(slots)]
    while len(chosen) < count:
        chosen.append(chance.choice([slot for slot in slots if slot != chosen[-1]]))
    return chosen


async def settled_verdict(fleet, storm):
    """Wait until the last deadline fell due and everything was applied, then judge."""
    over_at_s = time.monotonic() + SETTLE_S

    async def over():
        return time.monotonic() > over_at_s and await fleet.all_read()

    await fleet.until(over, "everything is applied")
    return await Judge(fleet, await fleet.segments()).judge(storm.outages)


async def redis_equals(fleet, verdict):
    """Redis holds what the log says, profile by profile, and the members that the public changes lead to."""
    checked = await fleet.octyseg("projection", "check", "-o", "json")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    found = json.loads(checked.stdout)
    assert found["digest_log"] == found["digest_redis"]
    redis = connect(fleet.settings.redis)
    try:
        reader = Reader(redis, fleet.settings.redis_prefix, fleet.settings.partitions)
        for segment in await fleet.segments():
            members = {one.profile_id for one in await reader.members(segment.segment_id, 0, 1_000_000)}
            assert members == verdict.members.get(segment.segment_id, set()), segment.tag
    finally:
        await redis.aclose()


def report(verdict, storm):
    recovered = [seconds for _, seconds in storm.recoveries]
    return (
        f"\n{verdict.events:,} events, {verdict.changes:,} changes, {len(recovered)} faults, seed {SEED}: "
        f"lost {verdict.lost}, spurious {verdict.spurious}, false inactions {verdict.false_inactions}, "
        f"unlike {verdict.unlike}, conflicting {verdict.conflicting}, unordered {verdict.unordered}; "
        f"{verdict.repeated} repeated on the topic ({verdict.repeated / max(verdict.changes, 1):.2%}); "
        f"longest standstill {verdict.standstill_s:.2f} s, across the broker's outage {verdict.outage_s:.2f} s; "
        f"recovery p50 {percentile(recovered, 50):.1f} s, p99 {percentile(recovered, 99):.1f} s; "
        f"inactions late by p50 {verdict.late_p50_s:.2f} s, p99 {verdict.late_p99_s:.2f} s"
    )
