"""Real processes on one file, killed with SIGKILL: the batch agent during runs, the live worker during a hand-over."""

import asyncio
import json
import os
import random
import subprocess
import sys
import time

import pytest

from octyseg.hosting import assembly, opening
from octyseg.hosting.runner import Runner
from octyseg.log.port import NewRecord
from octyseg.model.placement import partition_of
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.fold import fold
from octyseg.stages.members import members_in
from octyseg.stages.runs import read_ledger
from tests.hosting.test_past_runs import DAY_MS, DYNAMIC, PAST, changes_on

KILLS = 20
PROFILES = 400
PARTITIONS = 2
DEADLINE_S = 120


class Workers:
    """Processes on one embedded log, by the name of what they do."""

    def __init__(self, directory):
        self.settings = Settings(log=f"embedded://{directory / 'o.db'}", partitions=PARTITIONS, grace_ms=0)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("OCTYSEG_")} | {
            "OCTYSEG_LOG": self.settings.log,
            "OCTYSEG_PARTITIONS": str(PARTITIONS),
            "OCTYSEG_GRACE_MS": "0",
            "OCTYSEG_HISTORY__WRITE_EVERY_S": "0.5",
        }
        self.running = {}

    def start(self, what):
        words = [sys.executable, "-m", "octyseg", "worker", what]
        self.running[what] = subprocess.Popen(words, env=self.environment, stderr=subprocess.DEVNULL)

    def kill(self, what):
        self.running[what].kill()
        self.running[what].wait()

    def octyseg(self, *words):
        command = [sys.executable, "-m", "octyseg", *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def workers(tmp_path):
    workers = Workers(tmp_path)
    yield workers
    for what in workers.running:
        workers.kill(what)


async def send(log, settings, events):
    """(profile, type, ago)."""
    batches = {}
    for profile_id, event_type, ago_ms in events:
        document = {
            "profile_id": profile_id,
            "event_type": event_type,
            "event_properties": {},
            "created_at": time.time_ns() // 1_000_000 - ago_ms,
        }
        number = partition_of(profile_id, PARTITIONS)
        batches.setdefault(number, []).append(NewRecord(profile_id.encode(), json.dumps(document).encode()))
    for number, batch in batches.items():
        await log.append(settings.topic("events"), number, batch)


async def until_handled(log, settings):
    """Once the live stage has committed every event."""
    topic, numbers = settings.topic("events"), range(PARTITIONS)
    async with asyncio.timeout(DEADLINE_S):
        while not await _has_committed(log, "octyseg.live", topic, await log.ends(topic, numbers)):  # noqa: ASYNC110 - a log sets no event
            await asyncio.sleep(0.05)


async def _has_committed(log, group, topic, ends):
    committed = await log.committed(group, topic, list(ends))
    return all((committed[number] or 0) >= end for number, end in ends.items())


async def until_ended(log, settings, count):
    """Once so many runs have ended and none is building."""
    async with asyncio.timeout(DEADLINE_S):
        while True:
            ledger = await read_ledger(log, settings.topic("runs"))
            runs = ledger.runs()
            if len(runs) >= count and all(one.ended_ms is not None for one in runs):
                return runs
            await asyncio.sleep(0.1)


async def members_of(log, settings, name):
    follower = CatalogFollower(log, settings.topic("definitions"))
    await follower.start()
    await follower.close()
    segment_id = follower.registry.segment(name).segment_id
    members = set()
    for number in range(PARTITIONS):
        folded = await fold(log, settings.namespace, number)
        members |= (await members_in(folded, follower.catalog, [segment_id]))[segment_id]
    return members


async def published(log, settings):
    """Every change, as the tags stage makes them of the outcomes."""
    stop = asyncio.Event()
    runner = Runner(log, assembly.stage_of("tags", settings, log, None), settings.namespace)
    task = asyncio.create_task(runner.run(stop))
    topic, numbers = settings.topic("outcomes"), range(PARTITIONS)
    async with asyncio.timeout(DEADLINE_S):
        ends = await log.ends(topic, numbers)
        # The live worker may go on meanwhile: a commit beyond these ends will do.
        while not await _has_committed(log, "octyseg.tags", topic, ends):
            if task.done():
                await task
            await asyncio.sleep(0.05)
    stop.set()
    await task
    return await changes_on(log, settings)


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_a_batch_agent_killed_twenty_times_loses_and_doubles_nothing(workers, tmp_path):
    seed = int(os.environ.get("OCTYSEG_SEED", "1"))
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance, settings = random.Random(seed), workers.settings
    (tmp_path / "past.yaml").write_text(PAST.format(days=30))
    workers.octyseg("apply", "-f", tmp_path / "past.yaml")
    async with opening.open_log(settings) as log:
        names = [f"p{number}" for number in range(PROFILES)]
        complained, paid = set(), set()
        workers.start("live")
        runs = 1
        for _ in range(KILLS):
            some = chance.sample(names, 40)
            await send(log, settings, [(one, "complaint", chance.randrange(1, 20) * DAY_MS) for one in some])
            complained.update(some)
            some = chance.sample(names, 5)
            await send(log, settings, [(one, "charged", chance.randrange(1, 20) * DAY_MS) for one in some])
            paid.update(some)
            await asyncio.to_thread(workers.octyseg, "run", "Worst")
            runs += 1
            workers.start("past")
            # It has come up by then, most times, and is somewhere in its work.
            await asyncio.sleep(chance.uniform(1.0, 3.0))
            await asyncio.to_thread(workers.kill, "past")
        await until_handled(log, settings)
        await asyncio.to_thread(workers.octyseg, "run", "Worst")
        workers.start("past")
        ended = await until_ended(log, settings, 2)
        assert all(one.status == "ready" for one in ended), [one.error for one in ended]
        assert await members_of(log, settings, "Worst") == complained - paid
        assert await members_as_published(log, settings) == complained - paid


async def members_as_published(log, settings):
    """Members by the changes in their order; one that changes nothing is a double."""
    members = set()
    for change in {one.change_id: one for one in await published(log, settings)}.values():
        assert (change.profile_id in members) == (change.kind == "removed"), f"a double: {change}"
        (members.remove if change.kind == "removed" else members.add)(change.profile_id)
    return members


@pytest.mark.faults
@pytest.mark.timeout(900)
async def test_a_live_worker_killed_during_a_hand_over_tells_nobody_of_the_past(workers, tmp_path):
    seed = int(os.environ.get("OCTYSEG_SEED", "1"))
    print(f"seed {seed}")  # noqa: T201 - to run it again
    chance, settings = random.Random(seed), workers.settings
    async with opening.open_log(settings) as log:
        names = [f"p{number}" for number in range(PROFILES)]
        twice, paid = set(chance.sample(names, 300)), set(chance.sample(names, 50))
        await send(log, settings, [(one, "complaint", 5 * DAY_MS) for one in names])
        await send(log, settings, [(one, "complaint", 4 * DAY_MS) for one in sorted(twice)])
        await send(log, settings, [(one, "charged", DAY_MS) for one in sorted(paid)])
        workers.start("live")
        await until_handled(log, settings)
        (tmp_path / "dynamic.yaml").write_text(DYNAMIC)
        workers.octyseg("apply", "-f", tmp_path / "dynamic.yaml")
        workers.start("past")
        for number in range(KILLS):
            await asyncio.sleep(chance.uniform(0.2, 1.5))
            what = "live" if number % 2 else "past"
            await asyncio.to_thread(workers.kill, what)
            workers.start(what)
        (run,) = await until_ended(log, settings, 1)
        assert (run.status, run.error) == ("ready", None)
        async with asyncio.timeout(DEADLINE_S):
            while await members_of(log, settings, "Quiet") != twice - paid:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.1)
        assert await members_as_published(log, settings) == twice - paid
        assert not any(change.webhook for change in await published(log, settings))
