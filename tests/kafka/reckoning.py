"""The end of a run: wait until nobody has anything left to do, judge, hold Redis against it, tell the figures."""

import json
import time

from octyseg.projection.connection import connect
from octyseg.projection.reader import Reader
from tests.kafka.verdict import percentile

# The longest frame of segments.yaml, the life of its tag and the grace are 7.4 s.
SETTLE_S = 8.0
# A live worker asks for the time once a second at least.
QUIET_S = 2.5


async def settled_verdict(fleet, outages=()):
    """Wait until the last deadline fell due and everything was applied, then judge."""
    over_at_s = time.monotonic() + SETTLE_S
    ends, quiet_at_s = None, 0.0

    async def over():
        nonlocal ends, quiet_at_s
        now_s = time.monotonic()
        if now_s < over_at_s or not await fleet.is_at_work() or not await fleet.all_read():
            return False
        # Who was just started or has just caught up has yet to ask for the time, by which what is due comes.
        if (found := await fleet.ends("outcomes")) != ends:
            ends, quiet_at_s = found, now_s + QUIET_S
        return now_s > quiet_at_s

    await fleet.until(over, "everything is applied", 120)
    return await fleet.judge(outages)


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


def report(verdict, recoveries=(), **more):
    """One line of figures."""
    seconds = [took_s for _, took_s in recoveries]
    return (
        f"\n{verdict.events:,} events, {verdict.changes:,} changes, {len(seconds)} faults"
        f"{''.join(f', {name} {value}' for name, value in more.items())}: "
        f"lost {verdict.lost}, spurious {verdict.spurious}, false inactions {verdict.false_inactions}, "
        f"unlike {verdict.unlike}, conflicting {verdict.conflicting}, unordered {verdict.unordered}; "
        f"{verdict.repeated} repeated on the topic ({verdict.repeated / max(verdict.changes, 1):.2%}), "
        f"{verdict.refused} dead letters; "
        f"longest standstill {verdict.standstill_s:.2f} s, across outages {verdict.outage_s:.2f} s; "
        f"recovery p50 {percentile(seconds, 50):.1f} s, p99 {percentile(seconds, 99):.1f} s; "
        f"inactions late by p50 {verdict.late_p50_s:.2f} s, p99 {verdict.late_p99_s:.2f} s"
    )
