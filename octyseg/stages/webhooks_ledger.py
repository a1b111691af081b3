"""Write down what became of deliveries: first on the log, then in the schedule, many at a time.

Used by the webhooks stage. Appending and writing to Redis happen under the partition's turn, so that
the schedule's marker never claims a record whose effect is not in it.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from octyseg import metrics
from octyseg.cancellation import is_cancelled
from octyseg.engine.decision import Refused
from octyseg.log.port import Log, NewRecord, StoredRecord
from octyseg.model.refusal import Refusal
from octyseg.stages import deadletter
from octyseg.stages.crashpoints import Pass
from octyseg.webhooks.breaker import Breaker
from octyseg.webhooks.delivery import DeliveryRecord, encode_record
from octyseg.webhooks.judging import Settlement
from octyseg.webhooks.queue import Queue

UntilAvailable = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


class Topics(NamedTuple):
    """Full names of the topics the stage reads and writes."""

    tags: str
    deliveries: str
    deadletter: str
    definitions: str


class Ledger:
    """One per stage; `run` works until cancelled, `on_written` hears of all that was written down."""

    def __init__(
        self,
        log: Log,
        topics: Topics,
        queue: Queue,
        *,
        until_available: UntilAvailable,
        on_written: Callable[[Settlement], None],
        pass_by: Pass,
    ) -> None:
        self._log = log
        self._topics = topics
        self._queue = queue
        self._until_available = until_available
        self._on_written = on_written
        self._pass = pass_by
        self._turns: defaultdict[int, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._waiting: defaultdict[int, list[tuple[Settlement, Breaker]]] = defaultdict(list)
        self._unwritten: Counter[int] = Counter()
        self._wake = asyncio.Event()
        self._changed = asyncio.Condition()

    def turn(self, partition: int) -> asyncio.Lock:
        """Held by who writes to the partition's deliveries and schedule."""
        return self._turns[partition]

    def add(self, partition: int, settlement: Settlement, breaker: Breaker) -> None:
        """Write this down soon; the breaker is the endpoint's after it."""
        self._waiting[partition].append((settlement, breaker))
        self._unwritten[partition] += 1
        self._wake.set()

    async def run(self) -> None:
        """Write what comes, in order."""
        # Not for ever: Redis' client may take a cancellation for a lost connection.
        while not is_cancelled():
            await self._wake.wait()
            self._wake.clear()
            batches, self._waiting = self._waiting, defaultdict(list)
            async with asyncio.TaskGroup() as group:
                for partition, batch in batches.items():
                    group.create_task(self._write(partition, batch))

    async def flush(self, partition: int) -> None:
        """Wait until everything of the partition is written."""
        async with self._changed:
            await self._changed.wait_for(lambda: not self._unwritten[partition])

    async def append(self, partition: int, records: Sequence[DeliveryRecord]) -> int:
        """Append records of deliveries, acknowledged; where the topic goes on after them."""
        for record in records:
            metrics.WEBHOOK_DELIVERIES.labels(record.endpoint, record.status).inc()
        new = [NewRecord(record.change_id.encode(), encode_record(record)) for record in records]
        return (await self._log.append(self._topics.deliveries, partition, new)).next_offset

    async def _write(self, partition: int, batch: Sequence[tuple[Settlement, Breaker]]) -> None:
        async with self.turn(partition):
            await self._bury(partition, [settlement for settlement, _ in batch])
            reached = await self.append(partition, [settlement.record for settlement, _ in batch])
            self._pass("webhooks.recorded")
            settled = [(settlement.delivery, settlement.goes_on) for settlement, _ in batch]
            breakers = {settlement.delivery.endpoint: breaker for settlement, breaker in batch}
            await self._until_available(lambda: self._queue.settle(partition, settled, breakers, reached))
            self._pass("webhooks.settled")
        for settlement, _ in batch:
            self._on_written(settlement)
        async with self._changed:
            self._unwritten[partition] -= len(batch)
            self._changed.notify_all()

    async def _bury(self, partition: int, settlements: Sequence[Settlement]) -> None:
        """Dead letters of deliveries whose attempts are used up: the change as it stands on the tags topic."""
        letters = []
        for settlement in settlements:
            if settlement.record.status == "exhausted":
                old = settlement.delivery
                text = f"endpoint {old.endpoint}: {settlement.record.message}; `octyseg webhooks replay` sends it again"
                record = StoredRecord(old.offset, 0, old.profile_id.encode(), old.change)
                letters.append(Refused(record, Refusal("exhausted", text)))
        if letters:
            await deadletter.send(
                self._log, self._topics.deadletter, "webhooks", (self._topics.tags, partition), letters
            )
