"""Who owns a partition: the claim on `outcomes`, and the watch that nobody claimed it since.

An owner's appends follow each other without a gap as long as it is alone. A gap is read: a claim of
a higher epoch means that the partition is lost (Fenced), a younger process of our own instance id
means that this process must end (TwinFound); void outcomes of an older owner mean nothing.
"""

import asyncio
from collections.abc import Sequence

from octyseg.errors import Fenced, TwinFound
from octyseg.log.port import Appended, Log, NewRecord, read_through
from octyseg.model.outcome import CLAIM_KEY, Claim, decode_claim, encode


class Identity:
    """Who a process is to other owners, shared by all its partitions.

    Its age counts from its first claim, by the log's clock: a wall clock that was set back would have it
    take its predecessor for a younger twin and never start again.
    """

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self.started_at_ms = 0
        self.first_claim = asyncio.Lock()


class Ownership:
    """The owner's end of one partition of `outcomes`: claims it, then appends to it."""

    def __init__(self, log: Log, outcomes_topic: str, partition: int, identity: Identity) -> None:
        self._log = log
        self._topic = outcomes_topic
        self._partition = partition
        self._identity = identity
        self.epoch = 0
        self.next_offset = 0

    async def claim(self, above: int) -> int:
        """Append a claim of a higher epoch than `above`; gives the claim's offset."""
        self.epoch = above + 1
        if self._identity.started_at_ms:
            return (await self._claim()).first_offset
        async with self._identity.first_claim:
            return (await self._claim()).first_offset

    async def append(self, records: Sequence[NewRecord]) -> Appended:
        """Append outcomes; Fenced or TwinFound when another owner wrote in between."""
        appended = await self._log.append(self._topic, self._partition, records)
        # What fits into one batch stays together; a foreign record may lie between two of one append.
        if appended.next_offset != self.next_offset + len(records):
            await self._look_between(self.next_offset, appended.next_offset)
        self.next_offset = appended.next_offset
        return appended

    async def check(self) -> None:
        """Look at what stands behind our last append."""
        end = (await self._log.ends(self._topic, [self._partition]))[self._partition]
        if end > self.next_offset:
            await self._look_between(self.next_offset, end)
            self.next_offset = end

    def refuse_twin(self, claim: Claim) -> None:
        """TwinFound when the claim is that of a younger process of our own instance id."""
        identity = self._identity
        if claim.instance_id == identity.instance_id and claim.started_at_ms > identity.started_at_ms:
            raise TwinFound(
                f"a younger process runs as {identity.instance_id}: this one ends; "
                "give every worker its own OCTYSEG_INSTANCE_ID or --slot"
            )

    async def _claim(self) -> Appended:
        claim = Claim(self.epoch, self._identity.instance_id, self._identity.started_at_ms)
        appended = await self._log.append(self._topic, self._partition, [NewRecord(CLAIM_KEY, encode(claim))])
        self._identity.started_at_ms = claim.started_at_ms or appended.timestamp
        self.next_offset = appended.next_offset
        return appended

    async def _look_between(self, start: int, stop: int) -> None:
        async for record in read_through(self._log, self._topic, self._partition, start, stop):
            if record.key != CLAIM_KEY or record.value is None:
                continue
            claim = decode_claim(record.value, record.timestamp)
            if claim.epoch < self.epoch:
                continue
            self.refuse_twin(claim)
            raise Fenced(f"partition {self._partition} was claimed by {claim.instance_id} (epoch {claim.epoch})")
