"""Three brokers: one of them goes or sleeps, leaders and coordinators move, and the work goes on."""

import asyncio
import os
import random
import signal
import time
from contextlib import AsyncExitStack, suppress

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from deploy.kafka.broker import Broker
from octyseg.errors import LogUnavailable
from octyseg.log import kafka_client
from octyseg.log.kafka import KafkaLog
from octyseg.log.port import NewRecord, TopicSpec
from tests.kafka.cluster import SIZE, Cluster
from tests.kafka.faulting import ROUNDS, SEEDS, STANDSTILL_S, Run

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

# So many events, a few seconds' worth, go to whom is led by others while one broker still believes that it leads.
LONG = 4_000
TOPIC = TopicSpec("kept", 1, compacted=False, retention_ms=3_600_000)


@pytest.fixture
async def cluster(tmp_path, kafka_broker):
    """`kafka_broker` is asked for because it says what is missing where there is no Java."""
    cluster = Cluster(tmp_path / "cluster")
    try:
        await cluster.start()
        yield cluster
    finally:
        await cluster.kill()


@pytest.fixture
async def admin(cluster):
    client = AIOKafkaAdminClient(bootstrap_servers=cluster.server, request_timeout_ms=1_000)
    await client.start()
    yield client
    await client.close()


async def partitions(admin):
    """What any broker that answers tells of every partition; nothing when the one that is asked is away."""
    with suppress(KafkaError):
        return [partition for topic in await admin.describe_topics() for partition in topic["partitions"]]
    return []


async def led_elsewhere(admin, node):
    """Whether every partition has a leader, and it is not this one."""
    leaders = {partition["leader"] for partition in await partitions(admin)}
    return bool(leaders) and leaders.isdisjoint({-1, node})


async def in_sync(admin):
    """Whether every copy of every partition is up to date."""
    return {len(partition["isr"]) for partition in await partitions(admin)} == {SIZE}


def lose(cluster, admin, number, end):
    """A broker ends, somebody else leads all that it led, it comes back and is brought up to date."""

    async def fault(storm):
        broker = cluster.brokers[number]
        await asyncio.to_thread(end, broker)
        await storm.fleet.until(lambda: led_elsewhere(admin, number + 1), "its partitions are led elsewhere")
        await asyncio.to_thread(broker.start)
        await storm.fleet.until(lambda: in_sync(admin), "all copies are up to date")

    return fault


def pause(cluster, admin, number):
    """A broker sleeps until others lead all that it led, and wakes up believing that it still does."""

    async def fault(storm):
        process = cluster.brokers[number].pid
        os.kill(process, signal.SIGSTOP)
        await storm.fleet.until(lambda: led_elsewhere(admin, number + 1), "its partitions are led elsewhere")
        os.kill(process, signal.SIGCONT)
        await storm.fleet.until(lambda: in_sync(admin), "all copies are up to date")

    return fault


def isolate(cluster, admin, number):
    """A broker is cut off from the others and not from clients: for them it goes on to lead, and nothing comes."""

    async def fault(storm):
        cluster.isolated = number
        await storm.fleet.until(lambda: led_elsewhere(admin, number + 1), "its partitions are led elsewhere")
        sent = storm.shoppers.sent
        await storm.fleet.until(lambda: storm.has_sent(sent + LONG), "events are sent to others")
        cluster.reunite()
        await storm.fleet.until(lambda: in_sync(admin), "all copies are up to date")

    return fault


def lose_most(cluster, admin, numbers, log):
    """Two of three are away for a while: nobody may write."""

    async def fault(storm):
        begun_ms = time.time_ns() // 1_000_000
        for number in numbers:
            await asyncio.to_thread(cluster.brokers[number].kill)
        with pytest.raises(LogUnavailable):
            await log.append(TOPIC.name, 0, [NewRecord(b"key", b"value")])
        await asyncio.gather(*(asyncio.to_thread(cluster.brokers[number].start) for number in numbers))
        storm.outages.append((begun_ms, time.time_ns() // 1_000_000))
        await storm.fleet.until(lambda: in_sync(admin), "all copies are up to date")

    return fault


class Partition:
    """A partition with one record, asked for its end by one log and written to by another."""

    def __init__(self, log, other, number, leader):
        self.log = log
        self.other = other
        self.number = number
        self.leader = leader

    async def append(self):
        await self.other.append(TOPIC.name, self.number, [NewRecord(b"key", b"value")])

    async def ends(self):
        """For the clock, and for a reader."""
        (_, as_of), ends = await asyncio.gather(
            self.log.ends_as_of([TOPIC.name], [self.number]), self.log.ends(TOPIC.name, [self.number])
        )
        return as_of[TOPIC.name, self.number], ends[self.number]


@pytest.fixture
async def partition(cluster, admin, monkeypatch):
    # Nobody is to hear of a new leader by chance.
    monkeypatch.setattr(kafka_client, "LEADERS_KNOWN_FOR_MS", 3_600_000)
    logs = [KafkaLog(cluster.server.split(","), request_timeout_s=2.0) for _ in range(2)]
    async with AsyncExitStack() as stack:
        for log in logs:
            await log.start()
            stack.push_async_callback(log.close)
        await logs[0].create_topics([TOPIC])
        (topic,) = await admin.describe_topics([TOPIC.name])
        (one,) = topic["partitions"]
        partition = Partition(*logs, one["partition"], one["leader"])
        await partition.append()
        assert await partition.ends() == (1, 1)
        yield partition


async def others_lead(admin, leader):
    deadline = time.monotonic() + 60
    while not await led_elsewhere(admin, leader):
        assert time.monotonic() < deadline, "nobody takes over"


async def test_the_end_is_not_that_of_a_leader_that_slept(cluster, admin, partition):
    """It answers what it was asked in its sleep as soon as it wakes up, before it hears that it leads no more."""
    process = cluster.brokers[partition.leader - 1].pid
    os.kill(process, signal.SIGSTOP)
    await others_lead(admin, partition.leader)
    await partition.append()
    asking = asyncio.create_task(partition.ends())
    assert await asyncio.wait([asking], timeout=0.2) == (set(), {asking})
    os.kill(process, signal.SIGCONT)
    assert await asking == (2, 2)


@pytest.mark.faults
async def test_the_end_is_not_that_of_a_leader_that_is_cut_off(cluster, admin, partition):
    """It answers as it always did."""
    cluster.isolated = partition.leader - 1
    await others_lead(admin, partition.leader)
    await partition.append()
    assert await partition.ends() == (2, 2)


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
async def test_f5_kills_of_one_broker_of_three(cluster, admin, new_fleet, capsys, seed):
    fleet = await new_fleet(cluster)
    faults = [lose(cluster, admin, number, Broker.kill) for number in turns(seed)]
    verdict = await Run(fleet, capsys).under(faults, seed)
    assert verdict.standstill_s <= STANDSTILL_S


@pytest.mark.faults
async def test_f5_brokers_restarted_one_after_the_other(cluster, admin, new_fleet, capsys):
    fleet = await new_fleet(cluster)
    verdict = await Run(fleet, capsys).under([lose(cluster, admin, number, Broker.stop) for number in range(SIZE)])
    assert verdict.repeated == 0


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
async def test_f5_a_broker_sleeps_until_others_lead(cluster, admin, new_fleet, capsys, seed):
    fleet = await new_fleet(cluster)
    verdict = await Run(fleet, capsys).under([pause(cluster, admin, number) for number in turns(seed)], seed)
    assert verdict.standstill_s <= 30


@pytest.mark.faults
@pytest.mark.parametrize("seed", SEEDS)
async def test_f5_a_broker_that_is_cut_off_goes_on_to_answer(cluster, admin, new_fleet, capsys, seed):
    fleet = await new_fleet(cluster)
    verdict = await Run(fleet, capsys).under([isolate(cluster, admin, number) for number in turns(seed)], seed)
    # Whoever asks who leads may ask the one that is cut off, and ten seconds later again.
    assert verdict.standstill_s <= 60


@pytest.mark.faults
async def test_f5_two_brokers_of_three_are_away(cluster, admin, new_fleet, capsys):
    fleet = await new_fleet(cluster)
    log = KafkaLog(cluster.server.split(","), patience_s=3.0)
    await log.start()
    await log.create_topics([TOPIC])
    try:
        faults = [lose_most(cluster, admin, numbers, log) for numbers in ([0, 1], [1, 2])]
        verdict = await Run(fleet, capsys).under(faults)
    finally:
        await log.close()
    assert verdict.outage_s <= 30


def turns(seed):
    """Every broker as often as the others, in an order of chance."""
    chance = random.Random(seed)
    return [number for _ in range(max(ROUNDS // 2, 1)) for number in chance.sample(range(SIZE), SIZE)]
