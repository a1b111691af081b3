"""Who may decide about a partition: claims, owners that were overtaken, twins."""

import asyncio

import pytest

from octyseg.errors import Fenced, TwinFound
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.model.outcome import CLAIM_KEY, Claim, decode_claim, encode
from octyseg.stages.outcomes import Entry, Fence
from tests.simulation.process import NAMESPACE
from tests.stages.workers import Town, flush


@pytest.fixture
async def town():
    return await Town.new()


async def test_every_owner_claims_a_higher_epoch_before_it_decides(town):
    await town.owner()
    second = await town.owner(slot=1)
    await town.event("buy")
    await second.read()
    assert [claim.epoch for claim in await town.claims()] == [1, 2]
    assert [outcome.epoch for _, outcome in await town.outcomes()] == [2]


class ContestedLog(MemoryLog):
    """A log on which another claims the same epoch just before us."""

    contested = True

    async def append(self, topic, partition, records):
        if self.contested and records[0].key == CLAIM_KEY:
            self.contested = False
            other = Claim(decode_claim(records[0].value).epoch, "live-9", 0)
            await super().append(topic, partition, [NewRecord(CLAIM_KEY, encode(other))])
        return await super().append(topic, partition, records)


async def test_of_two_that_claim_one_epoch_the_later_claims_again():
    town = await Town.new(log_type=ContestedLog)
    await town.owner()
    assert [(claim.epoch, claim.instance_id) for claim in await town.claims()] == [
        (1, "live-9"),
        (1, "live-0"),
        (2, "live-0"),
    ]


async def test_an_owner_that_was_overtaken_is_fenced_when_it_writes_and_its_outcome_is_void(town):
    old = await town.owner(slot=0)
    await town.owner(slot=1)
    await town.event("buy")
    with pytest.raises(Fenced, match="live-1"):
        await old.read()
    assert len(await town.outcomes()) == 1
    assert (await town.restored()).profiles == {}
    fence = Fence("test")
    admitted = [fence.admit(record) for record in await town.read("outcomes")]
    assert not any(isinstance(entry, Entry) for entry in admitted)


async def test_an_owner_that_writes_nothing_hears_of_it_when_it_flushes(town):
    old = await town.owner(slot=0, flush_every_s=0.0)
    await flush(old)
    await town.owner(slot=1)
    with pytest.raises(Fenced, match="live-1"):
        await flush(old)


async def test_the_older_of_two_processes_of_one_slot_ends(town):
    older = await town.owner(slot=0)
    town.clock.now_ms += 1
    younger = await town.owner(slot=0)
    await town.event("buy")
    with pytest.raises(TwinFound, match="live-0"):
        await older.read()
    await younger.read()
    assert [outcome.epoch for _, outcome in await town.outcomes()] == [1, 2]


async def test_the_older_of_two_processes_ends_also_when_it_gets_the_partition_back(town):
    older = await town.owner(slot=0)
    town.clock.now_ms += 1
    await town.owner(slot=0)
    await older.close(0)
    with pytest.raises(TwinFound, match="live-0"):
        await older.follow([0])


async def test_a_successor_in_a_slot_is_never_taken_for_the_older(town):
    for _ in range(3):
        town.clock.now_ms += 1
        successor = await town.owner(slot=0)
    await town.event("buy")
    await successor.read()
    assert await town.changes() == [("added", "matched", 3)]


async def test_partitions_that_open_at_once_start_their_process_once():
    town = await Town.new(partitions=3)
    town.clock.now_ms += 7
    stage = town.worker().stage
    positions = {NAMESPACE + "events": 0}
    await asyncio.gather(*(stage.open(partition, positions) for partition in range(3)))
    started = [claim.started_at_ms for partition in range(3) for claim in await town.claims(partition)]
    assert sorted(started) == [0, town.clock.now_ms, town.clock.now_ms]
