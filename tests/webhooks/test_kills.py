"""Real worker processes on a real file, killed with posts under way."""

import asyncio
import json
import os
import signal
import sys
import time
from collections import Counter

import pytest

from octyseg.log.embedded import EmbeddedLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.model.change import to_json
from octyseg.model.definitions.definition import AccountConfiguration
from octyseg.model.definitions.stored import ACCOUNT_KEY, StoredAccount, encoded
from octyseg.model.placement import partition_of
from tests.webhooks.desk import change
from tests.webhooks.receivers import Receiver, status

KILLS = [6, pytest.param(20, marks=pytest.mark.faults)]
PARTITIONS = 4
PROFILES = 40
BURST = 60
DEADLINE_S = 60


@pytest.fixture
def environment(tmp_path):
    return os.environ | {
        "OCTYSEG_LOG": f"embedded://{tmp_path / 'o.db'}",
        "OCTYSEG_PARTITIONS": str(PARTITIONS),
        "OCTYSEG_WEBHOOKS__ALLOW_HTTP": "true",
        "OCTYSEG_WEBHOOKS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
    }


async def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.005)


class Shop:
    """Publishes changes on the tags topic of the file, in sequence for each profile."""

    def __init__(self, log, namespace="octyseg."):
        self.log = log
        self.topic = namespace + "tags"
        self.sequences = Counter()
        self.ids = []

    async def publish(self, count):
        batches = {}
        for number in range(count):
            profile = f"p-{number % PROFILES}"
            self.sequences[profile] += 1
            one = change(profile, self.sequences[profile])
            self.ids.append(one.change_id)
            place = partition_of(profile, PARTITIONS)
            batches.setdefault(place, []).append(NewRecord(profile.encode(), to_json(one)))
        for place, records in batches.items():
            await self.log.append(self.topic, place, records)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kills", KILLS)
async def test_a_worker_killed_again_and_again_with_posts_under_way_loses_nothing_and_keeps_the_order(
    environment, tmp_path, kills
):
    under_way = 0

    async def slowly(request, writer):
        nonlocal under_way
        under_way += 1
        try:
            await asyncio.sleep(0.01)  # a receiver that works for its answer, so that kills find posts under way
            await status(204, body=b"")(request, writer)
        finally:
            under_way -= 1

    log = EmbeddedLog(tmp_path / "o.db")
    await log.start()
    await log.create_topics(specs("octyseg.", PARTITIONS))
    shop = Shop(log)
    async with Receiver(slowly) as receiver:
        stored = StoredAccount(updated_at_ms=1, definition=AccountConfiguration(webhook_url=receiver.url))
        await log.append("octyseg.definitions", 0, [NewRecord(ACCOUNT_KEY, encoded(stored))])
        kills_under_way = 0
        for _ in range(kills):
            await shop.publish(BURST)
            before = len(receiver.requests)
            worker = await start(environment)
            await until(lambda: len(receiver.requests) > before + 5, "posts")  # noqa: B023 - awaited in this turn
            kills_under_way += under_way > 0
            worker.send_signal(signal.SIGKILL)
            await worker.wait()
        worker = await start(environment)
        await until(lambda: {id_of(request) for request in receiver.requests} >= set(shop.ids), "every change")
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 15) == 0
    await log.close()
    assert {id_of(request) for request in receiver.requests} == set(shop.ids)
    assert kills_under_way >= kills // 2
    seen = {}
    for request in receiver.requests:
        told = json.loads(request.body)["data"]
        if told["sequence"] not in seen.setdefault(told["profile_id"], []):
            seen[told["profile_id"]].append(told["sequence"])
    for profile, sequences in seen.items():
        assert sequences == list(range(1, shop.sequences[profile] + 1)), profile
    repeated = len(receiver.requests) - len(shop.ids)
    figures = f"{len(shop.ids)} changes, {kills} kills, {kills_under_way} with posts under way, {repeated} repeated"
    print(figures)  # noqa: T201 - the figures are the report


def id_of(request):
    return request.headers["webhook-id"]


async def start(environment):
    words = [sys.executable, "-m", "octyseg", "worker", "webhooks"]
    return await asyncio.create_subprocess_exec(*words, env=environment)
