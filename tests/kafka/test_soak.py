"""F22, the soak: traffic and rebalances for as long as one likes, and memory that stays where it is after a while.

OCTYSEG_SOAK_MINUTES (3) sizes it; `make soak MINUTES=120` is the matrix' own size. A profile keeps the ids of its
newest events, so memory grows until every profile has as many as are kept: the first half of the run is warm-up.
"""

import asyncio
import os
import time
from pathlib import Path

import pytest

from tests.kafka.faulting import LIVE
from tests.kafka.storm import join, leave

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(30_000)]

MINUTES = float(os.environ.get("OCTYSEG_SOAK_MINUTES", "3"))
RATE_PER_S = 500
PROFILES = 1_000
MOST_MIB_AN_HOUR = 1.0
# What an allocator may take or give back at any moment: a short run shows no slope below it.
NOISE_MIB = 6.0
SAMPLE_EVERY_S = 1.0


async def test_f22_memory_stays_where_it_is(run, capsys):
    fleet, samples = run.fleet, {slot: [] for slot in LIVE}

    async def sample():
        while True:
            for slot in LIVE:
                samples[slot].append((time.monotonic() / 3600, rss_mib(fleet.workers[slot].pid)))
            await asyncio.sleep(SAMPLE_EVERY_S)

    rebalances = max(round(MINUTES / 10), 1)
    faults = [fault for _ in range(rebalances) for fault in (join("live-2"), leave("live-2"))]
    sampling = None

    async def begin(storm):
        nonlocal sampling
        sampling = asyncio.create_task(sample())

    await run.under([begin, *faults], count=int(MINUTES * 60 * RATE_PER_S), rate_per_s=RATE_PER_S, profiles=PROFILES)
    sampling.cancel()
    for slot, taken in samples.items():
        late = taken[len(taken) // 2 :]
        hours, slope = late[-1][0] - late[0][0], slope_of(late)
        with capsys.disabled():
            print(f"{slot}: {late[-1][1]:.0f} MiB, {slope:+.2f} MiB/h over the last {hours * 60:.0f} minutes")  # noqa: T201 - the figures are what the matrix is for
        assert slope * hours < MOST_MIB_AN_HOUR * hours + NOISE_MIB


def rss_mib(pid):
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def slope_of(samples):
    """Least squares: MiB an hour."""
    hours, sizes = zip(*samples, strict=True)
    mean_h, mean = sum(hours) / len(hours), sum(sizes) / len(sizes)
    spread = sum((hour - mean_h) ** 2 for hour in hours)
    return sum((hour - mean_h) * (size - mean) for hour, size in samples) / spread
