"""Faust's transport `chunks://`: what was fetched of one partition reaches the agent as one message.

The value of a message is a Chunk whose record batches nobody has opened. Faust keeps membership,
assignment, rebalance and the rhythm of commits; which offset may be committed is told by `handled`
alone, because Faust acks a message also when its agent failed, and keeps lists of every offset.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from typing import Any, ClassVar, cast

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import ConsumerStoppedError, InvalidSessionTimeoutError
from faust.transport.drivers import aiokafka as driver
from faust.types import TP, ConsumerMessage
from mode import Service
from mode.threads import ServiceThread
from mode.utils.futures import maybe_async

from octyseg.errors import LogUnavailable, SettingsError
from octyseg.log.kafka_batches import chunk_of, keep_batches
from octyseg.log.kafka_client import translated
from octyseg.log.kafka_pacing import pace_fetches
from octyseg.log.port import Chunk

# Under the name of the library, whose own chatter is not what operators look for.
_logger = logging.getLogger("faust.transport")

_LOOK_AGAIN_S = 0.02
_FETCH_EVERY_S = 0.02
_WAIT_S = 1.0
_SESSION = (
    "the brokers do not take OCTYSEG_SESSION_TIMEOUT_S: "
    "choose it between their group.min.session.timeout.ms and group.max.session.timeout.ms"
)

Committed = Callable[[str, int, int], Awaitable[None]]


class OnTheLoop:
    """What mode starts and stops as the thread of a service: no thread, but a task of the loop it is called on.

    A thread beside a loop that always has work to do costs more than it does: the two hand Python's lock to
    each other at every packet.
    """

    def __init__(self, service: ServiceThread) -> None:
        self._service = service
        self._serving: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Serve until the service is told to stop."""
        self._serving = asyncio.create_task(self._service._serve())  # noqa: SLF001 - what a thread of mode runs
        self._serving.add_done_callback(self._ended)

    def stop(self) -> None:
        """The service has shut down when this is called; there is no thread to wait for."""

    def _ended(self, serving: asyncio.Task[None]) -> None:
        """Whoever waits for the end hears of it; why it failed, if it did, the service has told."""
        if serving.cancelled() or serving.exception() is not None:
            self._service.set_shutdown()


class ConsumerOnTheLoop(driver.AIOKafkaConsumerThread):  # type: ignore[misc] # Faust comes without types for mypy
    """The owner of aiokafka's consumer, on the loop of everything else."""

    logger = _logger

    def __init__(self, consumer: "Consumer", **kwargs: Any) -> None:
        super().__init__(consumer, thread_loop=consumer.loop, Worker=OnTheLoop, **kwargs)
        self._places: Collection[TopicPartition] = frozenset()
        self._assigned: set[TP] = set()

    async def call_thread(self, fun: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Call it: there is no thread in whose queue it would have to wait for its turn."""
        return await maybe_async(fun(*args, **kwargs))

    async def _gather_remaining_tasks(self) -> None:
        """The tasks that are left on the loop are everybody's."""

    def _create_consumer(self, loop: Any) -> AIOKafkaConsumer:
        consumer = super()._create_consumer(loop)
        keep_batches(consumer)
        pace_fetches(consumer, _FETCH_EVERY_S)
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is Faust's
        max_records: int | None = None,
    ) -> Mapping[TP, Chunk]:
        """One chunk of each partition that has something, with the generation it was read under."""
        if not self.consumer.flow_active:
            return {}
        fetcher = consumer._fetcher  # noqa: SLF001 - as the driver does
        if consumer._closed or fetcher._closed:  # noqa: SLF001 - as the driver does
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context(), translated("reading"):  # noqa: SLF001 - as the driver does
            fetched = await fetcher.fetched_records(active_partitions, timeout=timeout, max_records=max_records)
        # No await lies between the fetcher's own look at the assignment and this line.
        generation = consumer._coordinator.generation  # noqa: SLF001 - as the driver does
        return {
            TP(place.topic, place.partition): chunk_of(place, batches, generation) for place, batches in fetched.items()
        }

    def assignment(self) -> set[TP]:
        """The partitions we have, which Faust asks for once for each that it commits."""
        places = self._ensure_consumer().assignment()
        if places is not self._places:
            self._places, self._assigned = places, {TP(*place) for place in places}
        return self._assigned.copy()

    def is_member(self) -> bool:
        """Whether the group has taken this process in."""
        coordinator = self._coordinator()
        return coordinator is not None and coordinator.generation > 0

    def check_group(self) -> None:
        """Raise what keeps us out of the group: aiokafka waits until somebody asks for it, for ever if need be."""
        coordinator = self._coordinator()
        if coordinator is None:
            return
        try:
            with translated("working in the group"):
                coordinator.check_errors()
        except LogUnavailable as error:
            if isinstance(error.__cause__, InvalidSessionTimeoutError):
                raise SettingsError(_SESSION) from error
            raise

    def _coordinator(self) -> Any:
        """Who speaks with the group; None before the consumer has started."""
        return None if self._consumer is None else self._consumer._coordinator  # noqa: SLF001 - as the driver does


class Consumer(driver.Consumer):  # type: ignore[misc] # as above
    """Chunks for messages, and the offsets that a host says were handled for acks."""

    logger = _logger
    on_committed: Committed | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._handled: dict[TP, int] = {}
        self._fetched: dict[TP, Chunk] = {}
        super().__init__(*args, **kwargs)

    def handled(self, topic: str, partition: int, offset: int) -> None:
        """All below this offset is durable: the next commit takes it."""
        self._handled[TP(topic, partition)] = offset

    async def commit_all(self) -> None:
        """Commit all that was handled; Faust's own call leaves it to a commit that has begun before."""
        while await self.maybe_wait_for_commit_to_finish():
            pass
        await self.commit()

    def committed_offsets(self) -> dict[tuple[str, int], int | None]:
        """What Faust knows to be committed of each assigned partition."""
        return {(tp.topic, tp.partition): self._committed_offset[tp] for tp in self.assignment()}

    def is_member(self) -> bool:
        """Whether the group has taken this process in."""
        return cast("ConsumerOnTheLoop", self._thread).is_member()

    def check_group(self) -> None:
        """Raise what keeps this process out of the group."""
        cast("ConsumerOnTheLoop", self._thread).check_group()

    def _new_consumer_thread(self) -> ConsumerOnTheLoop:
        return ConsumerOnTheLoop(self, loop=self.loop, beacon=self.beacon)

    async def _drain_messages(self, fetcher: Service) -> None:
        """Hand chunks to their actors until the fetcher or the consumer is told to stop.

        Faust makes four tasks for each message to hear of a flow that stops while it is handed over. This
        never waits: nobody reads from a partition whose buffer is full, and a flow that stands still gives
        nothing away.
        """
        try:
            while not (self.should_stop or fetcher.should_stop):
                async for _, message in self.getmany(timeout=_WAIT_S):
                    await self.callback(message)
                await asyncio.sleep(0)
        except (*self.consumer_stopped_errors, asyncio.CancelledError):
            if not self.app.should_stop:
                raise

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, ConsumerMessage]]:  # noqa: ASYNC109 - the signature is Faust's
        """One message per partition.

        A chunk of the present assignment is kept while the flow stands still: aiokafka begins to read before
        Faust lets the flow go on, its position lies behind the chunk already, and nobody reads it again.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        # Who waits for news of some partitions does not hear that the buffer of another has emptied.
        timeout = _LOOK_AGAIN_S if self._buffered_partitions else timeout
        active = self._get_active_partitions()
        if not active:
            await self.sleep(_LOOK_AGAIN_S)
            return
        if not self._fetched:
            self._fetched.update(await self._getmany(active, timeout))
        while self._fetched and self.flow_active and not self.should_stop:
            tp, chunk = next(iter(self._fetched.items()))
            if chunk.generation > self.app.consumer_generation_id:
                await self.sleep(_LOOK_AGAIN_S)
                return
            del self._fetched[tp]
            # What was read under an assignment that is over is read again.
            if chunk.generation == self.app.consumer_generation_id:
                yield tp, self._to_message(tp, chunk)

    def _to_message(self, tp: TP, chunk: Chunk) -> ConsumerMessage:
        """The message's offset is that of its last record: Faust drops what lies below its position."""
        return ConsumerMessage(
            chunk.topic,
            chunk.partition,
            chunk.next_offset - 1,
            0.0,
            1,
            None,
            None,
            chunk,
            None,
            0,
            0,
            tp,
            generation_id=chunk.generation,
        )

    async def _add_gap(self, tp: TP, offset_from: int, offset_to: int) -> None:
        """Between the last records of two chunks lie no gaps but records."""

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Iterable[TP]:
        """The partitions that something was handled of; what Faust noted about acks is forgotten."""
        self._acked.clear()
        self._acked_index.clear()
        return [tp for tp in self._handled if topics is None or tp in topics or tp.topic in topics]

    def _new_offset(self, tp: TP) -> int | None:
        return self._handled.get(tp)

    async def _commit_offsets(self, offsets: Mapping[TP, int], start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit, and remember what was committed only when it was."""
        mine = self.assignment()
        offsets = {tp: offset for tp, offset in offsets.items() if tp in mine}
        if not offsets or not await self._commit(offsets):
            return False
        self._committed_offset.update(offsets)
        if self.on_committed is not None:
            for tp, offset in offsets.items():
                await self.on_committed(tp.topic, tp.partition, offset)
        return True

    async def on_partitions_assigned(self, assigned: set[TP], generation_id: int = 0) -> None:
        """What was handled under another assignment and not committed will be read again."""
        self._handled.clear()
        await super().on_partitions_assigned(assigned, generation_id)

    async def verify_all_partitions_active(self) -> None:
        """The watchdog looks at progress; what Faust looks at here are its own single records."""


class Transport(driver.Transport):  # type: ignore[misc] # as above
    """What `chunks://` in a broker address stands for."""

    Consumer: ClassVar[type[Service]] = Consumer
