"""The past stage, the batch agent: carries out runs, each partition its slice, and asks for those that are due.

Input: `octyseg.runs`. Partition p has the orders of slice p: evaluate a segment over the history of partition p,
hold what was found against who is a member, and send what differs as commands; a dynamic segment is handed what its
profiles did. Partition 0 has the ledger too, and its owner leads: it asks for runs that are due and gives the orders.
A slice that is carried out twice sends nothing new, and its second report changes nothing.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from octyseg import logs, metrics
from octyseg.errors import OctysegError
from octyseg.log.port import Chunk, Log
from octyseg.model.run import LEDGER, Order, Ordered, decode
from octyseg.stages.agreement import Agreement
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.crashpoints import Pass, pass_by
from octyseg.stages.runs import LedgerFollower
from octyseg.stages.scheduling import due, last_instant_ms
from octyseg.stages.slices import PastConfig, Slices

LOOK_EVERY_S = 1.0

_logger = logs.get(__name__)


class PastStage:
    """Consumer of runs with a group of its own. Made once per process."""

    name = "past"

    def __init__(
        self,
        log: Log,
        topic: Callable[[str], str],
        follower: CatalogFollower,
        config: PastConfig,
        wall_ms: Callable[[], int],
        *,
        passing: Pass = pass_by,
    ) -> None:
        self.inputs = (topic("runs"),)
        self._log = log
        self._follower = follower
        self._schedule = config.schedule
        self._slices = Slices(log, topic, follower, config, passing)
        self._agreement = Agreement(log, topic, follower, config, wall_ms)
        self._compare_schedule = config.compare_schedule
        self._compared_ms = 0
        self._comparing: asyncio.Task[None] | None = None
        self._wall_ms = wall_ms
        self._pass = passing
        self._open: set[int] = set()
        self._ledger: LedgerFollower | None = None
        self._leading: asyncio.Task[None] | None = None
        self._look_at_s = 0.0

    async def start(self) -> None:
        """Learn the definitions."""
        await self._follower.start()

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:  # noqa: ARG002 - the port's signature
        """The owner of the ledger leads."""
        if partition == LEDGER:
            ledger = LedgerFollower(self._log, *self.inputs)
            await ledger.start()
            # Ticks go on meanwhile: who sees a ledger leads by it.
            self._ledger = ledger
        self._open.add(partition)
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._open))

    async def handle(self, chunk: Chunk) -> None:
        """Carry out the orders of the chunk; each is reported before the chunk may be committed."""
        orders = []
        for batch in chunk.batches:
            read = [decode(record.value) for record in batch]
            orders += [record for record in read if isinstance(record, Order) and record.slice == chunk.partition]
        by_instant: defaultdict[int, list[Order]] = defaultdict(list)
        for order in orders:
            by_instant[order.as_of_ms].append(order)
        for some in by_instant.values():
            reports = await self._slices.carry_out(chunk.partition, some)
            self._pass("past.carried_out")
            await LedgerFollower(self._log, *self.inputs).write(reports)
            self._pass("past.reported")

    async def tick(self) -> None:
        """Compare stream and history now and then; the leader asks for what is due and gives orders."""
        if time.monotonic() < self._look_at_s:
            return
        self._look_at_s = time.monotonic() + LOOK_EVERY_S
        self._compare_when_due()
        if self._ledger is not None:
            self._leading = asyncio.create_task(self._lead(self._ledger), name="past leads")
            await asyncio.wait([self._leading])
            if not self._leading.cancelled():
                self._leading.result()

    def _compare_when_due(self) -> None:
        """Once at every instant of its schedule, beside the work: what differs is a matter for people, not for us."""
        if self._comparing is not None and self._comparing.done():
            self._comparing.result()
            self._comparing = None
        instant_ms = last_instant_ms(self._compare_schedule, self._wall_ms())
        if not self._compared_ms:
            self._compared_ms = instant_ms
        if self._comparing is None and instant_ms > self._compared_ms:
            self._compared_ms = instant_ms
            self._comparing = asyncio.create_task(self._compare(), name="past agreement")

    async def _compare(self) -> None:
        differences = 0
        for partition in sorted(self._open):
            try:
                found = len((await self._agreement.compare(partition)).differences)
            except OctysegError as error:
                _logger.warning("stream and history were not compared", partition=partition, error=str(error))
                continue
            differences += found
            if partition in self._open:
                metrics.DISAGREEMENTS.labels(partition).set(found)
        if differences:
            _logger.error("stream and history differ: `octyseg check-agreement` says where", differences=differences)

    async def _lead(self, ledger: LedgerFollower) -> None:
        """Ask for what is due and give orders."""
        await self._follower.poll()
        await ledger.catch_up()
        demands = list(due(self._follower.registry, ledger.ledger, self._schedule, self._wall_ms()))
        if demands:
            await ledger.write(demands)
            self._pass("past.demanded")
            await ledger.catch_up()
        waiting = [run for run in ledger.ledger.building() if not run.ordered]
        if waiting:
            for partition in range(ledger.ledger.slices):
                orders = [
                    Order(run.run_id, run.segment_id, run.version, run.as_of_ms or 0, partition) for run in waiting
                ]
                await ledger.order(partition, orders)
            self._pass("past.ordered")
            await ledger.write([Ordered(run.run_id) for run in waiting])
        for run in ledger.ended:
            metrics.RUNS.labels(run.status).inc()
            _logger.info("run ended", run=run.run_id, segment=run.segment_id, status=run.status, error=run.error)
        ledger.ended.clear()

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """Nothing was kept for a repeat."""

    async def close(self, partition: int) -> None:
        """Lead no more."""
        self._open.discard(partition)
        metrics.DISAGREEMENTS.remove(partition)
        if partition == LEDGER and self._ledger is not None:
            ledger, self._ledger = self._ledger, None
            if self._leading is not None:
                self._leading.cancel()
                await asyncio.gather(self._leading, return_exceptions=True)
            await ledger.close()
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._open))

    async def stop(self) -> None:
        """Stop following."""
        if self._comparing is not None:
            self._comparing.cancel()
            await asyncio.gather(self._comparing, return_exceptions=True)
        await self._follower.close()
