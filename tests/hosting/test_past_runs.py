"""The batch agent beside the live stage, on one log: who is found becomes a member once, whoever dies on the way."""

import asyncio
import json
import time
from collections import Counter
from contextlib import suppress

import pytest
from msgspec.structs import replace

from octyseg import metrics
from octyseg.history.archive import Archive
from octyseg.hosting import assembly, past
from octyseg.hosting.runner import Runner
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, read_through
from octyseg.log.topics import specs
from octyseg.model.change import from_json
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.ids import new_segment_id
from octyseg.model.placement import partition_of
from octyseg.model.run import Demand, run_id_of
from octyseg.settings import Settings
from octyseg.settings_sections import HistorySettings
from octyseg.stages.agreement import Agreement
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.past import PastStage
from octyseg.stages.runs import LedgerFollower, read_ledger

pytestmark = pytest.mark.slow

DEADLINE_S = 60
HOUR_MS = 60 * 60 * 1000
DAY_MS = 24 * HOUR_MS
PARTITIONS = 2
PEOPLE = ("ada", "bea", "cyn", "dot", "eve", "fay")
PAST = """
kind: segments
segmentDefinitions:
  - {{segmentName: Worst, segmentType: past, segmentSubtype: 2, segmentTimeframe: {days}, eventSequence: [
      {{eventType: complaint, actionInaction: action}}, {{eventType: charged, actionInaction: inaction}}]}}
"""
DYNAMIC = """
kind: segments
segmentDefinitions:
  - {segmentName: Quiet, segmentType: dynamic, conditions: {all: [
      {performed: complaint, count: {atLeast: 2}}, {performed: charged, count: {atMost: 0}, within: {days: 2}}]}}
"""
POINTS = ["past.demanded", "past.ordered", "past.carried_out", "past.reported"]


class Died(BaseException):
    """A process ended at a named point."""


class Town:
    """A log in memory and the stages that work on it; a stage that dies at `dies_at` is started again."""

    def __init__(self, directory):
        history = HistorySettings(directory=directory / "history", write_every_s=0.05)
        self.settings = Settings(partitions=PARTITIONS, history=history, grace_ms=0)
        self.log = MemoryLog(lambda: time.time_ns() // 1_000_000)
        self.dies_at = None
        self.deaths = self.later_ms = 0
        self.patience_s = DEADLINE_S
        self.stop = asyncio.Event()
        self.hosts = {}
        self.registry = Registry.fold([])

    async def begin(self, *names):
        await self.log.create_topics(specs(self.settings.namespace, PARTITIONS))
        for name in names:
            self.hosts[name] = asyncio.create_task(self._host(name))

    async def end(self):
        self.stop.set()
        await asyncio.gather(*self.hosts.values())

    async def kill(self, name):
        """As if its process were gone: nothing is committed, closed or written any more."""
        self.hosts[name].cancel()
        await asyncio.gather(self.hosts[name], return_exceptions=True)
        self.hosts[name] = asyncio.create_task(self._host(name))

    def pass_by(self, point):
        if point == self.dies_at:
            self.dies_at = None
            self.deaths += 1
            raise Died(point)

    async def _host(self, name):
        while not self.stop.is_set():
            # What is in hand beside the death still ends: it may be seen before the host is gone.
            with suppress(Died):
                await Runner(self.log, self._stage(name), self.settings.namespace, commit_every_s=0.02).run(self.stop)

    def _stage(self, name):
        if name != "past":
            return assembly.stage_of(name, self.settings, self.log, None)
        config = replace(past.past_config(self.settings), patience_s=self.patience_s)
        follower = CatalogFollower(self.log, self.settings.topic("definitions"))
        return PastStage(self.log, self.settings.topic, follower, config, self.wall_ms, passing=self.pass_by)

    def wall_ms(self):
        return time.time_ns() // 1_000_000 + self.later_ms

    async def apply(self, text):
        planned = plan(
            self.registry,
            read_definitions(text.encode(), "segments"),
            now_ms=time.time_ns() // 1_000_000,
            new_id=new_segment_id,
        )
        assert planned.problems == ()
        records = planned.records()
        self.registry = self.registry.after(records)
        await self.log.append(self.settings.topic("definitions"), 0, [NewRecord(key, value) for key, value in records])

    async def event(self, profile_id, event_type, ago_ms=0):
        document = {
            "profile_id": profile_id,
            "event_type": event_type,
            "event_properties": {},
            "created_at": time.time_ns() // 1_000_000 - ago_ms,
        }
        number = partition_of(profile_id, PARTITIONS)
        record = NewRecord(profile_id.encode(), json.dumps(document).encode())
        await self.log.append(self.settings.topic("events"), number, [record])

    async def demand(self, name, **fields):
        stored = self.registry.segment(name)
        run_id = run_id_of(stored.segment_id, time.time_ns())
        demand = Demand(run_id, stored.segment_id, stored.version, "demanded", **fields)
        await LedgerFollower(self.log, self.settings.topic("runs")).write([demand])
        return run_id

    async def ended(self, run_id=None, trigger=None):
        """The run once it has ended."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                ledger = await read_ledger(self.log, self.settings.topic("runs"))
                runs = [one for one in ledger.runs() if run_id in (None, one.run_id) and trigger in (None, one.trigger)]
                if runs and runs[0].ended_ms is not None:
                    return runs[0]
                await self._turn()

    async def settled(self):
        """Once the live stage has handled every event there is."""
        topic, numbers = self.settings.topic("events"), range(PARTITIONS)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                ends = await self.log.ends(topic, numbers)
                committed = await self.log.committed(f"{self.settings.namespace}live", topic, numbers)
                if all((committed[number] or 0) == ends[number] for number in numbers):
                    return
                await self._turn()

    async def changes(self):
        return await changes_on(self.log, self.settings)

    async def members(self):
        """Who carries a tag, by the changes that were published; every change of a profile turned it over."""
        members = set()
        for change in {one.change_id: one for one in await self.changes()}.values():
            assert (change.profile_id in members) == (change.kind == "removed"), f"a double: {change}"
            (members.remove if change.kind == "removed" else members.add)(change.profile_id)
        return members

    async def until_members(self, *expected):
        async with asyncio.timeout(DEADLINE_S):
            while await self.members() != set(expected):
                await self._turn()

    async def _turn(self):
        for task in self.hosts.values():
            if task.done():
                task.result()
        await asyncio.sleep(0.02)


@pytest.fixture
async def town(tmp_path):
    town = Town(tmp_path)
    yield town
    await town.end()


async def test_a_past_segment_is_looked_at_when_it_is_made_and_when_asked(town):
    await town.begin("live", "tags", "archive", "past")
    for profile_id in PEOPLE:
        await town.event(profile_id, "complaint", 3 * DAY_MS)
    await town.event("eve", "charged", DAY_MS)
    await town.event("fay", "charged", 40 * DAY_MS)
    await town.apply(PAST.format(days=30))
    first = await town.ended(trigger="created")
    assert (first.status, first.error, first.members) == ("ready", None, 5)
    await town.until_members("ada", "bea", "cyn", "dot", "fay")
    await town.event("ada", "charged")
    second = await town.ended(await town.demand("Worst"))
    assert [second.members, second.added, second.removed] == [4, 0, 1]
    await town.until_members("bea", "cyn", "dot", "fay")
    (left,) = [one for one in await town.changes() if one.kind == "removed"]
    assert (left.profile_id, left.reason, left.segment_type) == ("ada", "no_longer_matches", "past")


async def test_an_instant_of_the_past_may_be_asked_for(town):
    await town.begin("live", "tags", "archive", "past")
    await town.event("ada", "complaint", 3 * DAY_MS)
    await town.apply(PAST.format(days=1))
    assert (await town.ended(trigger="created")).members == 0
    as_of_ms = time.time_ns() // 1_000_000 - 3 * DAY_MS + HOUR_MS
    assert (await town.ended(await town.demand("Worst", as_of_ms=as_of_ms))).members == 1


async def test_an_edit_runs_at_once_and_what_was_ordered_before_is_void(town):
    await town.begin("live", "tags", "archive")
    await town.event("ada", "complaint", 3 * DAY_MS)
    await town.apply(PAST.format(days=30))
    old = await town.demand("Worst")
    await town.apply(PAST.format(days=1))
    town.hosts["past"] = asyncio.create_task(town._host("past"))
    assert (await town.ended(old)).is_void
    assert (await town.ended(trigger="edited")).status == "ready"
    assert await town.members() == set()


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
async def test_a_batch_agent_that_dies_anywhere_loses_and_doubles_nothing(town, point):
    await town.begin("live", "tags", "archive")
    for profile_id in PEOPLE:
        await town.event(profile_id, "complaint", 3 * DAY_MS)
    await town.event("eve", "charged", DAY_MS)
    town.dies_at = point
    await town.apply(PAST.format(days=30))
    town.hosts["past"] = asyncio.create_task(town._host("past"))
    assert (await town.ended(trigger="created")).status == "ready"
    await town.until_members("ada", "bea", "cyn", "dot", "fay")
    await town.event("ada", "charged")
    town.dies_at = point if point != "past.demanded" else None
    assert (await town.ended(await town.demand("Worst"))).status == "ready"
    await town.until_members("bea", "cyn", "dot", "fay")
    assert town.deaths == (1 if point == "past.demanded" else 2)
    assert max(Counter(one.change_id for one in await town.changes()).values()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("dies_at", [None, "past.filled", *POINTS])
@pytest.mark.parametrize("killed", [None, "live"])
async def test_a_dynamic_segment_is_handed_its_past_and_goes_on(town, dies_at, killed):
    await town.begin("live", "tags", "archive")
    for profile_id in PEOPLE:
        await town.event(profile_id, "complaint", 5 * DAY_MS)
    for profile_id in PEOPLE[:4]:
        await town.event(profile_id, "complaint", 4 * DAY_MS)
    await town.event("ada", "charged", DAY_MS)
    await town.event("bea", "charged", 3 * DAY_MS)
    await town.settled()
    town.dies_at = dies_at
    await town.apply(DYNAMIC)
    town.hosts["past"] = asyncio.create_task(town._host("past"))
    if killed:
        await town.kill(killed)
    assert (await town.ended(trigger="created")).status == "ready"
    await town.until_members("bea", "cyn", "dot")
    loud = [one for one in await town.changes() if one.webhook]
    assert loud == [], "what was so before is no news"
    await town.event("eve", "complaint")
    await town.event("bea", "charged")
    await town.until_members("cyn", "dot", "eve")
    assert sorted((one.profile_id, one.kind) for one in await town.changes() if one.webhook) == [
        ("bea", "removed"),
        ("eve", "added"),
    ]
    assert dies_at is None or town.deaths == 1


async def test_receivers_are_told_of_the_past_of_a_dynamic_segment_that_asks_for_it(town):
    await town.begin("live", "tags", "archive", "past")
    for profile_id in PEOPLE[:2]:
        await town.event(profile_id, "complaint", 5 * DAY_MS)
        await town.event(profile_id, "complaint", 4 * DAY_MS)
    await town.settled()
    await town.apply(DYNAMIC.replace("segmentType", "notifyBackfill: true, segmentType"))
    assert (await town.ended(trigger="created")).status == "ready"
    await town.until_members("ada", "bea")
    told = sorted((one.profile_id, one.kind, one.reason) for one in await town.changes() if one.webhook)
    assert told == [("ada", "added", "matched"), ("bea", "added", "matched")]


async def changes_on(log, settings):
    """Every change that was published."""
    found = []
    for number in range(PARTITIONS):
        topic = settings.topic("tags")
        end = (await log.ends(topic, [number]))[number]
        found += [from_json(one.value) async for one in read_through(log, topic, number, 0, end)]
    return found


def differing():
    """What operators are told of it."""
    return sum(sample.value for sample in metrics.DISAGREEMENTS.collect()[0].samples)


async def compared(town):
    """What stream and history say of all partitions."""
    config = past.past_config(town.settings)
    follower = CatalogFollower(town.log, town.settings.topic("definitions"))
    await follower.start()
    both = Agreement(town.log, town.settings.topic, follower, config, lambda: time.time_ns() // 1_000_000)
    found = [await both.compare(number) for number in range(PARTITIONS)]
    await follower.close()
    return sum(one.memberships for one in found), [each for one in found for each in one.differences]


async def test_stream_and_history_agree_and_a_difference_is_told(town, monkeypatch):
    monkeypatch.setattr("octyseg.stages.agreement.APART_S", 0.05)
    await town.begin("live", "tags", "archive", "past")
    for profile_id in PEOPLE[:3]:
        await town.event(profile_id, "complaint", 5 * DAY_MS)
        await town.event(profile_id, "complaint", 4 * DAY_MS)
    await town.settled()
    await town.apply(DYNAMIC)
    await town.ended(trigger="created")
    await town.until_members(*PEOPLE[:3])
    await town.event("dot", "complaint")
    await town.event("dot", "complaint")
    await town.event("ada", "charged")
    await town.until_members("bea", "cyn", "dot")
    assert await compared(town) == (3, [])
    async with asyncio.timeout(DEADLINE_S):
        ends = await town.log.ends(town.settings.topic("events"), range(PARTITIONS))
        directory = town.settings.history_directory
        while any(Archive(directory, number).reached() < end for number, end in ends.items()):
            await town._turn()
    for number in range(PARTITIONS):
        Archive(town.settings.history_directory, number).erase({"bea": 2**40})
    count, differences = await compared(town)
    assert (count, [(one.profile_id, one.in_stream) for one in differences]) == (3, [("bea", True)])
    assert differing() == 0
    # The next day comes for the batch agent, which compares by itself.
    town.later_ms = DAY_MS
    async with asyncio.timeout(DEADLINE_S):
        while differing() != 1:
            await town._turn()


async def test_a_run_that_fails_says_why_and_the_next_one_goes_on(town):
    await town.begin("live", "tags", "archive", "past")
    await town.event("ada", "complaint", DAY_MS)
    day = town.settings.history_directory / str(partition_of("ada", PARTITIONS))
    async with asyncio.timeout(DEADLINE_S):
        while not (files := list(day.rglob("*.parquet"))):
            await town._turn()
    kept = files[0].read_bytes()
    files[0].write_bytes(b"no more than this")
    await town.apply(PAST.format(days=30))
    failed = await town.ended(trigger="created")
    assert failed.status == "failed"
    assert f"{files[0]}: cannot be read as Parquet" in failed.error
    files[0].write_bytes(kept)
    assert (await town.ended(await town.demand("Worst"))).status == "ready"
    await town.until_members("ada")


async def test_a_run_waits_for_a_live_worker_and_gives_up_in_time(town):
    town.patience_s = 0.1
    await town.begin("archive", "past")
    number = partition_of("ada", PARTITIONS)
    await town.log.append(town.settings.topic("commands"), number, [NewRecord(b"ada", b"{}")])
    await town.apply(PAST.format(days=30))
    failed = await town.ended(trigger="created")
    assert "no live worker obeys commands: start one, then run it again" in failed.error
