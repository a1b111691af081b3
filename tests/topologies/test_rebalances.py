"""Partitions of every stage go to and fro while it works: no process ends by itself, nothing is lost or doubled."""

import asyncio
import gc
import itertools
import json
import time
from random import Random

import pyarrow.parquet as pq
import pytest

from octyseg.history.archive import Archive
from octyseg.hosting import assembly
from octyseg.hosting.runner import group_of
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, read_through
from octyseg.log.topics import specs
from octyseg.model.change import from_json
from octyseg.model.definitions.definition import WebhookEndpoint
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredEndpoint, encoded, endpoint_key
from octyseg.model.ids import new_segment_id
from octyseg.model.placement import partition_of
from octyseg.model.run import Demand, run_id_of
from octyseg.projection.reader import Reader
from octyseg.settings import Settings
from octyseg.settings_sections import HistorySettings, WebhookSettings
from octyseg.stages.runs import LedgerFollower, read_ledger
from octyseg.webhooks.sealing import new_key
from tests.projection.conftest import redis, redis_sync, valkey_url  # noqa: F401 - fixtures of the same server
from tests.topologies.group import Group, own_tasks
from tests.tries import LENGTH
from tests.webhooks.receivers import Receiver, status

pytestmark = [
    pytest.mark.faults,
    # Whoever is killed closes nothing.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

DEADLINE_S = 40
PARTITIONS = 4
PEOPLE = [f"p{number}" for number in range(30)]
STAGES = ("live", "tags", "projection", "webhooks", "archive", "past")
MOVES = ("rebalance", "rebalance", "lose", "grow", "shrink", "sleep", "wake_up", "wake_up")
SEGMENTS = b"""
kind: segments
segmentDefinitions:
  - {segmentName: Buyer, segmentType: live, segmentSubtype: 1, eventSequence: [
      {eventType: charged, actionInaction: action}]}
  - {segmentName: Worst, segmentType: past, segmentSubtype: 1, segmentTimeframe: 30, eventSequence: [
      {eventType: complaint, actionInaction: action}]}
"""


class Town:
    """One log, a group of two processes for every stage, and what happens in the end."""

    def __init__(self, seed, directory, client, receiver):
        self.random = Random(seed)
        history = HistorySettings(directory=directory / "history", write_every_s=0.02)
        webhooks = WebhookSettings(allow_http=True, allow_networks=("127.0.0.0/8",), secret_key=new_key())
        self.settings = Settings(partitions=PARTITIONS, history=history, webhooks=webhooks, grace_ms=0)
        self.receiver = receiver
        self.log = MemoryLog(lambda: time.time_ns() // 1_000_000)
        self.redis = client
        self.numbers = itertools.count()
        self.groups = [self.group(name) for name in STAGES]
        self.registry = Registry.fold([])
        self.happened = {"charged": set(), "complaint": set()}

    def group(self, name):
        def make_stage(log):
            own = self.settings.model_copy(update={"instance_id": f"{name}-{next(self.numbers)}"})
            return assembly.stage_of(name, own, log, self.redis)

        return Group(group_of(self.settings.namespace, name), make_stage, self.log, PARTITIONS, self.random)

    async def begin(self):
        await self.log.create_topics(specs(self.settings.namespace, PARTITIONS))
        planned = plan(
            self.registry,
            read_definitions(SEGMENTS, "segments"),
            now_ms=time.time_ns() // 1_000_000,
            new_id=new_segment_id,
        )
        self.registry = self.registry.after(planned.records())
        records = [NewRecord(key, value) for key, value in planned.records()]
        endpoint = WebhookEndpoint(name="crm", url=self.receiver.url)
        stored = StoredEndpoint(created_at_ms=1, updated_at_ms=1, definition=endpoint)
        records.append(NewRecord(endpoint_key("crm"), encoded(stored)))
        await self.log.append(self.settings.topic("definitions"), 0, records)
        for group in self.groups:
            await group.grow()
            await group.grow()

    async def end(self):
        for group in self.groups:
            await group.end()

    async def produce(self, count):
        for _ in range(count):
            profile_id, event_type = self.random.choice(PEOPLE), self.random.choice(["charged", "complaint", "visit"])
            at_ms = time.time_ns() // 1_000_000
            document = {
                "profile_id": profile_id,
                "event_type": event_type,
                "event_properties": {},
                "created_at": at_ms,
            }
            record = NewRecord(profile_id.encode(), json.dumps(document).encode())
            await self.log.append(self.settings.topic("events"), partition_of(profile_id, PARTITIONS), [record])
            self.happened.get(event_type, set()).add(profile_id)
            if self.random.random() < 0.2:
                await asyncio.sleep(0.001)

    async def move(self, moves):
        """Something happens to a group, one after the other."""
        for _ in range(moves):
            await getattr(self.random.choice(self.groups), self.random.choice(MOVES))()
            await asyncio.sleep(self.random.choice([0, 0, 0.001, 0.005, 0.02]))

    async def demand(self):
        """One more look at the past segment."""
        stored = self.registry.segment("Worst")
        run_id = run_id_of(stored.segment_id, time.time_ns())
        demand = Demand(run_id, stored.segment_id, stored.version, "demanded")
        await LedgerFollower(self.log, self.settings.topic("runs")).write([demand])
        return run_id

    async def until(self, what_is_missing):
        give_up_at = time.monotonic() + DEADLINE_S
        while missing := await what_is_missing():
            for group in self.groups:
                await group.supervise()
                assert group.ended == []
            assert time.monotonic() < give_up_at, missing
            await asyncio.sleep(0.02)

    async def run_ended(self, run_id):
        run = (await read_ledger(self.log, self.settings.topic("runs"))).run(run_id)
        if run is not None and run.ended_ms is not None:
            assert (run.status, run.error) == ("ready", None)
            return True
        return False

    async def changes(self):
        found = {}
        for number in range(PARTITIONS):
            for record in await self.records("tags", number):
                change = from_json(record.value)
                assert found.setdefault(change.change_id, change) == change, "one id, two changes"
        return found.values()

    async def carriers(self):
        """Who carries which tag by the changes; each change turns it over."""
        carried = set()
        for change in await self.changes():
            place = change.segment_tag, change.profile_id
            assert (place in carried) == (change.kind != "added"), f"a double: {change}"
            (carried.remove if change.kind == "removed" else carried.add)(place)
        return carried

    async def shown(self):
        """Who carries which tag by the projection."""
        reader = Reader(self.redis, self.settings.redis_prefix, PARTITIONS)
        found = [await reader.profile(profile_id) for profile_id in PEOPLE]
        return {(tag.segment_tag, profile.profile_id) for profile in found if profile for tag in profile.tags}

    async def untold(self):
        """The changes that the receiver was not told of; what it was told twice was the same."""
        told = {}
        for request in self.receiver.requests:
            assert told.setdefault(request.headers["webhook-id"], request.body) == request.body, "one id, two bodies"
        return {change.change_id for change in await self.changes() if change.webhook} ^ told.keys()

    async def archived(self):
        """The offsets in history, by partition."""
        found = []
        for number in range(PARTITIONS):
            archive = Archive(self.settings.history_directory, number)
            files = archive.history(time.time_ns() // 1_000_000, archive.reached()).files
            found.append(sorted(place for path in files for place in pq.read_table(path)["place"].to_pylist()))
        return found

    async def records(self, topic, number):
        name = self.settings.topic(topic)
        end = (await self.log.ends(name, [number]))[number]
        return [record async for record in read_through(self.log, name, number, 0, end)]


@pytest.mark.parametrize("seed", range(3 * LENGTH))
async def test_partitions_go_to_and_fro_and_nothing_is_lost_or_doubled(seed, tmp_path, redis, monkeypatch):  # noqa: F811 - the fixture
    # What a process that stood still adds to a schedule late is found by the next look at it.
    monkeypatch.setattr("octyseg.webhooks.outbox.LOOK_EVERY_MS", 200)
    own_tasks()
    async with Receiver(status(204, body=b"")) as receiver:
        town = Town(seed, tmp_path, redis, receiver)
        await play(town)
    assert [error for group in town.groups for error in group.ended] == []
    # Connections of who was killed complain of their end: here, and not in another test.
    gc.collect()


async def play(town):
    await town.begin()
    await asyncio.gather(town.produce(1_000), town.move(20))
    run_id = await town.demand()
    await asyncio.gather(town.produce(300), town.move(8))
    expected = {
        (tag, profile_id)
        for tag, what in (("Buyer", "charged"), ("Worst", "complaint"))
        for profile_id in town.happened[what]
    }
    offsets = [[record.offset for record in await town.records("events", number)] for number in range(PARTITIONS)]

    async def what_is_missing():
        if not await town.run_ended(run_id):
            return "the run has not ended"
        if different := expected ^ await town.carriers():
            return f"changes: {different}"
        if different := expected ^ await town.shown():
            return f"the projection: {different}"
        if different := await town.untold():
            return f"webhooks: {different}"
        archived = await town.archived()
        return [
            (set(found) ^ set(here), len(found)) for found, here in zip(archived, offsets, strict=True) if found != here
        ]

    await town.until(what_is_missing)
    await town.end()
    assert not await what_is_missing()
