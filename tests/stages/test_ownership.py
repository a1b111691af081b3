"""The owner's end of a partition of outcomes, where an append is more than one batch."""

import pytest

from octyseg.errors import Fenced
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, TopicSpec
from octyseg.model.outcome import CLAIM_KEY, Claim, encode
from octyseg.stages.ownership import Identity, Ownership

OUTCOME = NewRecord(b"profile", b"outcome")


class SplittingLog(MemoryLog):
    """Writes what follows the first record of an append as a batch of its own, after `between`."""

    between = ()

    async def append(self, topic, partition, records):
        first = await super().append(topic, partition, records[:1])
        if len(records) == 1:
            return first
        for record in self.between:
            await super().append(topic, partition, [record])
        last = await super().append(topic, partition, records[1:])
        return last._replace(first_offset=first.first_offset)


@pytest.fixture
async def log():
    log = SplittingLog(lambda: 1_000)
    await log.create_topics([TopicSpec("outcomes", 1, compacted=False, retention_ms=-1)])
    return log


@pytest.fixture
async def ownership(log):
    ownership = Ownership(log, "outcomes", 0, Identity("slot-0"))
    await ownership.claim(above=4)
    return ownership


async def test_an_append_of_several_batches_is_one_owners_work(ownership):
    await ownership.append([OUTCOME] * 3)
    assert (await ownership.append([OUTCOME])).first_offset == 4


async def test_a_claim_between_two_batches_of_an_append_is_seen(log, ownership):
    log.between = [NewRecord(CLAIM_KEY, encode(Claim(6, "slot-1", 900)))]
    with pytest.raises(Fenced, match="slot-1"):
        await ownership.append([OUTCOME] * 3)


async def test_a_void_outcome_between_two_batches_of_an_append_means_nothing(log, ownership):
    log.between = [OUTCOME]
    assert (await ownership.append([OUTCOME] * 3)).next_offset == 5
