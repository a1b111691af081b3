"""The fault matrix, where the fault is in the log or on the way to it: lost answers, compaction, retention."""

import asyncio
import json
import random
import re

import httpx
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from deploy.kafka.broker import Broker, free_ports
from tests.kafka.faulting import EVENTS, LIVE, ROUNDS, SEEDS, SLOTS, Run
from tests.kafka.proxy import OFFSET_COMMIT, PRODUCE, Proxy
from tests.kafka.shoppers import Shoppers
from tests.kafka.storm import kill, victims

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3600)]


@pytest.fixture
async def admin(fleet):
    client = AIOKafkaAdminClient(bootstrap_servers=fleet.broker.server)
    await client.start()
    yield client
    await client.close()


@pytest.mark.parametrize("seed", SEEDS)
async def test_f6_answers_of_appends_and_commits_are_lost(kafka_broker, new_fleet, tmp_path, capsys, seed):
    """`kafka_broker` is asked for because it says what is missing where there is no Java."""
    (port,) = free_ports(1)
    broker = Broker(tmp_path / "kafka", more={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}"})
    broker.start()
    proxy = Proxy(port, broker.server, random.Random(seed))
    await proxy.start()
    try:
        fleet = await new_fleet(broker)
        # A claim that arrives late by a lost answer may take a partition whose owner then starts again.
        fleet.supervised = True
        each = 5 * ROUNDS
        proxy.losing.update({PRODUCE: each, OFFSET_COMMIT: each})
        await Run(fleet, capsys).under([], seed, rate_per_s=300, count=EVENTS // 2)
        with capsys.disabled():
            print(f"answers lost: {proxy.lost[PRODUCE]} of appends, {proxy.lost[OFFSET_COMMIT]} of commits")  # noqa: T201 - the figures are what the matrix is for
        assert proxy.lost[PRODUCE] == proxy.lost[OFFSET_COMMIT] == each
        await fleet.close()
    finally:
        await proxy.close()
        broker.kill()


@pytest.mark.parametrize("seed", SEEDS)
async def test_f16_states_are_compacted_while_workers_restore_from_them(run, admin, seed):
    # What is not said here falls back to the broker's defaults.
    own = {"cleanup.policy": "compact", "message.timestamp.type": "LogAppendTime"}
    eager = {"segment.ms": "1000", "min.cleanable.dirty.ratio": "0.01", "delete.retention.ms": "100"}
    state = ConfigResource(ConfigResourceType.TOPIC, run.fleet.topic("state"), configs=own | eager)
    await admin.alter_configs([state])
    faults = [kill(slot) for slot in victims(random.Random(seed), LIVE, ROUNDS)]
    await run.under(faults, seed)
    starts = await run.fleet.log.starts(run.fleet.topic("state"), run.fleet.numbers)
    kept = sum([len(await run.fleet.records("state", number)) for number in run.fleet.numbers])
    ends = await run.fleet.ends("state")
    assert kept < sum(ends.values()) - sum(starts.values()), "the cleaner has been there"


async def test_f16_what_retention_removed_before_it_was_read_is_counted_and_told(fleet, admin):
    for slot in SLOTS:
        fleet.start(slot)
    await Shoppers(fleet, 2_000, 1_000, 1).run()
    await fleet.until(fleet.all_read, "everything is applied")
    assert await fleet.stop(*LIVE) == [0, 0]
    committed = await fleet.ends("events")
    await Shoppers(fleet, 4_000, 4_000, 2).run()
    ends = await fleet.ends("events")
    lowest = {number: (committed[number] + ends[number]) // 2 for number in fleet.numbers}
    topic = fleet.topic("events")
    await admin.delete_records({TopicPartition(topic, number): RecordsToDelete(lowest[number]) for number in lowest})
    (port,) = free_ports(1)
    fleet.start("live-0", OCTYSEG_METRICS_PORT=str(port))
    await fleet.until(fleet.all_read, "what is left is applied")
    told = [json.loads(line) for line in fleet.told("live-0").read_text().splitlines() if "lost to retention" in line]
    gaps = {one["partition"]: one["lowest"] - one["position"] for one in told if one["topic"] == topic}
    assert gaps == {number: lowest[number] - committed[number] for number in fleet.numbers}
    metrics = await asyncio.to_thread(httpx.get, f"http://127.0.0.1:{port}/metrics")
    counted = re.search(rf'octyseg_gap_records_total{{topic="{topic}"}} ([\d.]+)', metrics.text)
    assert float(counted[1]) == sum(gaps.values())
