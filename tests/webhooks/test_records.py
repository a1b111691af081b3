"""What people are told of deliveries equals what a look at all of it would tell, and keeps little in memory."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, TopicSpec
from octyseg.stages import webhooks_records
from octyseg.stages.webhooks_records import newest, standing
from octyseg.stages.webhooks_replay import GIVEN_UP
from octyseg.webhooks.delivery import DeliveryRecord, encode_record

TOPIC = "deliveries"
PARTITIONS = 3
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


def records(seed):
    """By partition, in the order of time: deliveries that succeed, are given up, are replayed, are under way."""
    rng = random.Random(seed)
    made, under_way, at = [[] for _ in range(PARTITIONS)], set(), BEGIN
    for _ in range(300):
        number, endpoint = rng.randrange(60), rng.choice(["crm", "mail"])
        at += timedelta(milliseconds=rng.choice([0, 1, 700]))
        delivery, profile = (number, endpoint), None
        if delivery in under_way:
            status = rng.choice(["retrying", "succeeded", "exhausted", "disabled", "stale"])
            if status != "retrying":
                under_way.remove(delivery)
        else:
            status, profile = "scheduled", {"seen": at.isoformat()}
            under_way.add(delivery)
        record = DeliveryRecord(
            change_id=f"chg_{number}",
            endpoint=endpoint,
            profile_id=f"p{number}",
            status=status,
            at=at,
            profile=profile,
        )
        made[number % PARTITIONS].append(record)
    return made


async def log_of(made):
    log = MemoryLog(lambda: 1_000)
    await log.create_topics([TopicSpec(TOPIC, PARTITIONS, compacted=False, retention_ms=10**12)])
    for partition, some in enumerate(made):
        await log.append(TOPIC, partition, [NewRecord(b"k", encode_record(one)) for one in some])
        await log.append(TOPIC, partition, [NewRecord(b"k", b"no record")])
    return log


@pytest.fixture(autouse=True)
def small_windows(monkeypatch):
    monkeypatch.setattr(webhooks_records, "_FIRST_WINDOW", 3)
    monkeypatch.setattr(webhooks_records, "_WINDOW", 11)


@pytest.fixture
def read(monkeypatch):
    """How many records were read, window by window."""
    sizes, through = [], webhooks_records.read_through

    def noted(log, topic, partition, start, stop):
        sizes.append(stop - start)
        return through(log, topic, partition, start, stop)

    monkeypatch.setattr(webhooks_records, "read_through", noted)
    return sizes


@pytest.mark.parametrize("seed", range(30))
async def test_the_newest_of_all_partitions_are_told_in_the_order_of_time(seed):
    made = records(seed)
    log, rng = await log_of(made), random.Random(seed)
    count, status = rng.choice([1, 5, 40, 1_000]), rng.choice(["succeeded", "exhausted", "none"])
    every = [(one.at, part, place, one) for part, some in enumerate(made) for place, one in enumerate(some)]
    expected = [one for *_, one in sorted(every, key=lambda item: item[:3]) if one.status == status][-count:]
    assert await newest(log, TOPIC, lambda one: one.status == status, count) == expected


async def test_of_one_partition_and_since_an_instant_only_that_is_looked_at(read):
    made = records(3)
    log = await log_of(made)
    mine = made[1]
    late = mine[-20].at
    found = await newest(log, TOPIC, lambda _: True, 1_000, partition=1, since_s=late.timestamp())
    assert found[-20:] == mine[-20:]
    assert found == mine[-len(found) :]
    assert sum(read) <= 20 + 11


async def test_no_more_is_read_than_the_answer_needs(read):
    log = await log_of(records(1))
    assert len(await newest(log, TOPIC, lambda _: True, 5)) == 5
    assert sum(read) <= PARTITIONS * (3 + 6)


def standing_of_all(made, chosen):
    """What `standing` says, by keeping every history."""
    histories = {}
    for partition, some in enumerate(made):
        for one in some:
            histories.setdefault((partition, one.id), []).append(one)
    return [
        (partition, replace(history[-1], profile=[one.profile for one in history if one.profile][-1]))
        for (partition, _), history in histories.items()
        if chosen(history[-1])
    ]


@pytest.mark.parametrize("seed", range(30))
async def test_what_stands_last_is_told_with_the_profile_it_was_scheduled_with(seed):
    made = records(seed)
    log = await log_of(made)

    def given_up(one):
        return one.status in GIVEN_UP

    def of_one_change(one):
        return one.change_id == "chg_7"

    for chosen in (given_up, of_one_change):
        found = []
        for partition, end in (await log.ends(TOPIC, range(PARTITIONS))).items():
            found += [(partition, one) for one in await standing(log, TOPIC, partition, end, chosen)]
        assert sorted(found, key=str) == sorted(standing_of_all(made, chosen), key=str)
        assert found or chosen is of_one_change
