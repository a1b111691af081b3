"""`octyseg dev --quiet` killed with SIGKILL again and again: the log read back must equal what the oracle says."""

import asyncio
import os
import subprocess
import sys
import time
from itertools import takewhile

import pytest

from octyseg.hosting.opening import open_log
from octyseg.log.port import NewRecord
from octyseg.model.placement import partition_of
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.traffic.patterns import simulate
from tests.kafka.fleet import SEGMENTS
from tests.kafka.reckoning import SETTLE_S
from tests.kafka.verdict import Judge

EVENTS = 6_000
RATE_PER_S = 1_000
KILLS = 3
DEADLINE_S = 60.0


class Dev:
    """One log file, and the process that works on it."""

    def __init__(self, directory):
        self.settings = Settings(
            log=f"embedded://{directory / 'o.db'}", partitions=4, grace_ms=1_000, min_exp_timeframe=0.01
        )
        given = self.settings.model_dump(exclude_unset=True)
        outside = {name: value for name, value in os.environ.items() if not name.startswith("OCTYSEG_")}
        self.environment = outside | {f"OCTYSEG_{name.upper()}": str(value) for name, value in given.items()}
        self.process = None

    def start(self):
        command = [sys.executable, "-m", "octyseg", "dev", "--quiet", "--port", "0"]
        self.process = subprocess.Popen(command, env=self.environment, stderr=subprocess.PIPE, text=True)
        said = list(takewhile(lambda line: "is ready" not in line, self.process.stderr))
        assert self.process.poll() is None, "".join(said)

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def octyseg(self, *words):
        command = [sys.executable, "-m", "octyseg", *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)


@pytest.fixture
def dev(tmp_path):
    dev = Dev(tmp_path)
    applied = dev.octyseg("apply", "-f", SEGMENTS)
    assert applied.returncode == 0, applied.stderr
    yield dev
    if dev.process.poll() is None:
        dev.kill()


@pytest.mark.slow
async def test_dev_killed_and_started_again_loses_nothing(dev):
    await asyncio.to_thread(dev.start)
    async with open_log(dev.settings) as log:
        events = simulate(500, EVENTS, RATE_PER_S, 1, time.time_ns() // 1_000_000)
        for sent, event in enumerate(events, 1):
            await until_ms(event.at_ms)
            key = event.profile_id.encode()
            number = partition_of(event.profile_id, dev.settings.partitions)
            await log.append("octyseg.events", number, [NewRecord(key, event.line)])
            if sent % (EVENTS // (KILLS + 1)) == 0 and sent < EVENTS:
                dev.kill()
                await asyncio.to_thread(dev.start)
        await until_ms(event.at_ms + SETTLE_S * 1000)
        await all_read(log, dev.settings)
        follower = CatalogFollower(log, "octyseg.definitions")
        await follower.start()
        await follower.close()
        verdict = await Judge(log, dev.settings, list(follower.catalog.segments.values())).judge()
    assert not verdict.faults, verdict.examples[:3]
    assert verdict.events == EVENTS
    assert verdict.changes > 100
    checked = dev.octyseg("projection", "check")
    assert checked.returncode == 0, checked.stdout + checked.stderr


async def until_ms(instant_ms):
    """Wait for an instant of the wall clock, which is this log's clock too."""
    while (ahead_ms := instant_ms - time.time_ns() // 1_000_000) > 0:  # noqa: ASYNC110 - a clock sets no event
        await asyncio.sleep(ahead_ms / 1000)


async def all_read(log, settings):
    """Wait until every stage has committed its input."""
    give_up_s = time.monotonic() + DEADLINE_S
    numbers = range(settings.partitions)
    for stage, topic in (("live", "events"), ("tags", "outcomes"), ("projection", "outcomes")):
        topic_name = settings.topic(topic)
        while True:
            committed = await log.committed(settings.topic(stage), topic_name, numbers)
            ends = await log.ends(topic_name, numbers)
            if all((committed[number] or 0) >= ends[number] for number in numbers):
                break
            assert time.monotonic() < give_up_s, f"{stage} has not read everything"
            await asyncio.sleep(0.05)
