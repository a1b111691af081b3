"""Worker processes on a real broker: killed, paused, stopped and replaced while they count."""

import asyncio
import signal
from collections import Counter

import pytest

from octyseg.log.kafka import KafkaLog
from octyseg.log.port import NewRecord
from tests.topologies.fleet import Fleet

pytestmark = pytest.mark.kafka

PARTITIONS = 4


@pytest.fixture
async def fleet(kafka_broker, topic_prefix, tmp_path):
    log = KafkaLog([kafka_broker.server])
    await log.start()
    fleet = Fleet(log, kafka_broker.server, topic_prefix, PARTITIONS, tmp_path)
    await fleet.prepare()
    yield fleet
    fleet.close()
    await log.close()


async def shared(fleet):
    """Each of the two workers owns its half; before that partitions still go from one to the other."""
    return Counter((await fleet.owners()).values()) == {"slot-0": PARTITIONS // 2, "slot-1": PARTITIONS // 2}


async def test_two_workers_share_the_partitions_and_count_everything_once(fleet):
    fleet.start(0)
    fleet.start(1)
    for _ in range(5):
        await fleet.produce(1_000)
    await fleet.until(lambda: shared(fleet))
    await fleet.produce(1_000)
    await fleet.until(fleet.all_committed)
    verdict = await fleet.verdict()
    assert verdict.right
    assert len(await fleet.owners()) == PARTITIONS


async def test_a_killed_worker_that_comes_back_takes_its_own_partitions_back(fleet):
    fleet.start(0)
    fleet.start(1)
    await fleet.until(lambda: shared(fleet))
    before = await fleet.owners()
    for _ in range(3):
        claims = (await fleet.verdict()).claims
        fleet.kill(0)
        await fleet.produce(2_000)
        fleet.start(0)
        await fleet.until(fleet.all_committed)
        mine = [partition for partition, owner in before.items() if owner == "slot-0"]
        assert await fleet.owners() == before, "no partition went to the other worker"
        assert (await fleet.verdict()).claims == claims + len(mine), "and none of the other's was opened again"
    assert (await fleet.verdict()).right


async def test_a_worker_that_stays_away_is_taken_over(fleet):
    fleet.start(0)
    fleet.start(1)
    await fleet.until(lambda: shared(fleet))
    fleet.kill(0)
    await fleet.produce(2_000)
    await fleet.until(fleet.all_committed)
    assert set((await fleet.owners()).values()) == {"slot-1"}
    assert (await fleet.verdict()).right


async def test_a_worker_that_sleeps_beyond_its_session_changes_nothing_when_it_wakes(fleet):
    fleet.start(0)
    fleet.start(1)
    await fleet.until(lambda: shared(fleet))
    await fleet.produce(2_000)
    fleet.signal(0, signal.SIGSTOP)
    await fleet.produce(2_000)
    await fleet.until(fleet.all_committed)
    assert set((await fleet.owners()).values()) == {"slot-1"}
    fleet.signal(0, signal.SIGCONT)
    await fleet.produce(2_000)
    await fleet.until(lambda: shared(fleet))
    await fleet.produce(2_000)
    await fleet.until(fleet.all_committed)
    assert (await fleet.verdict()).right


async def test_a_worker_told_to_end_commits_all_it_counted_and_leaves_with_0(fleet):
    fleet.start(0)
    producing = asyncio.create_task(produce_until_told(fleet, told := asyncio.Event()))
    await fleet.until(lambda: has_counted(fleet))
    assert await fleet.stop(0) == 0
    told.set()
    await producing
    committed = await fleet.log.committed(fleet.group, fleet.events, range(PARTITIONS))
    for partition in range(PARTITIONS):
        assert committed[partition] == (await fleet.spans(partition))[-1].stop
    fleet.start(0)
    await fleet.until(fleet.all_committed)
    verdict = await fleet.verdict()
    assert verdict.right
    assert verdict.repeated == 0


async def test_a_record_that_a_stage_cannot_live_with_ends_the_worker_with_1_and_is_not_committed(fleet):
    fleet.start(0)
    await fleet.produce(400)
    await fleet.until(fleet.all_committed)
    await fleet.log.append(fleet.events, 0, [NewRecord(b"key", b"no number")])
    assert await asyncio.to_thread(fleet.workers[0].wait, 30) == 1
    assert "no number" in fleet.told(0).read_text()
    assert await fleet.log.committed(fleet.group, fleet.events, [0]) == {0: 100}


async def test_a_worker_that_joins_takes_its_share_and_gives_it_back_when_it_goes(fleet):
    fleet.start(0)
    await fleet.produce(400)
    await fleet.until(fleet.all_committed)
    fleet.start(1)
    await fleet.until(lambda: shared(fleet))
    await fleet.produce(400)
    assert await fleet.stop(1) == 0
    await fleet.produce(400)
    await fleet.until(fleet.all_committed)
    assert set((await fleet.owners()).values()) == {"slot-0"}
    assert (await fleet.verdict()).right


async def produce_until_told(fleet, told):
    while not told.is_set():
        await fleet.produce(400)


async def has_counted(fleet):
    return all([(await fleet.spans(partition))[-1:] for partition in range(PARTITIONS)]) and all(
        [(await fleet.spans(partition))[-1].stop > 0 for partition in range(PARTITIONS)]
    )


async def test_of_two_workers_with_one_instance_id_the_older_ends_and_says_why(fleet):
    fleet.start(0)
    await fleet.produce(400)
    await fleet.until(fleet.all_committed)
    fleet.start(1, instance="slot-0")
    assert await asyncio.to_thread(fleet.workers[0].wait, 60) == 1
    assert "another process runs as slot-0" in fleet.told(0).read_text()
    await fleet.produce(400)

    async def goes_on():
        # The older may have been the last to claim: then the younger has no partition, and ends for its supervisor.
        if fleet.workers[1].poll() == 1 and "claimed by another" in fleet.told(1).read_text():
            fleet.start(1, instance="slot-0")
        return await fleet.all_committed()

    await fleet.until(goes_on)
    assert fleet.workers[1].poll() is None
    assert (await fleet.verdict()).right


async def test_fausts_own_command_line_runs_a_live_worker(fleet):
    fleet.start(0, program=("faust", "-A", "topologies.live", "worker"))

    async def has_opened():
        return "partition open" in fleet.told(0).read_text()

    await fleet.until(has_opened)
    assert await fleet.stop(0) == 0
