"""The live stage: events and commands in, outcomes out, one writer per profile.

handle: decide with the engine, write refused records to the dead letters and outcomes to `outcomes`,
wait for both acknowledgements; only then may the host commit. tick: follow the catalog, move clocks
that have caught up, sweep, flush. Time comes from the log alone: the arrival of records while there
are any, the log's answer to `ends_as_of` once everything that existed at the question was applied.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, islice

import structlog

from octyseg import metrics
from octyseg.engine.partition import Partition
from octyseg.log.port import Chunk, Log, NewRecord
from octyseg.model.outcome import ADOPTED_KEY, SWEPT_KEY, Swept, encode
from octyseg.stages import deadletter, handing, opening
from octyseg.stages.catalog import CatalogSource
from octyseg.stages.crashpoints import Pass, pass_by
from octyseg.stages.decisions import Decisions
from octyseg.stages.flush import Flush
from octyseg.stages.held import Held
from octyseg.stages.live_config import LiveConfig
from octyseg.stages.ownership import Identity

logger = structlog.get_logger(__name__)

RECORDS_PER_FEED = 500
# How old the catalog may be when events are fed: less than who defines needs before he can send.
FOLLOW_AT_MOST_EVERY_S = 0.002
# Multiples of it, modulo one, leave even gaps however many partitions there are: flushes do not come together.
GOLDEN = 0.6180339887


class LiveStage:
    """Hosts one engine partition per partition of its inputs it is given; see octyseg.stages.port."""

    name = "live"

    def __init__(
        self,
        log: Log,
        topic: Callable[[str], str],
        catalog: CatalogSource,
        config: LiveConfig | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        pass_by: Pass = pass_by,
    ) -> None:
        self._log = log
        self._topic = topic
        self._events = topic("events")
        self._commands = topic("commands")
        self._catalog = catalog
        self._config = config or LiveConfig()
        self._monotonic = monotonic
        self._identity = Identity(self._config.instance_id)
        self._pass_by = pass_by
        self._open: dict[int, Held] = {}
        self._asked_s = self._asked_all_s = -1e9
        self._told_ms = 0
        self._followed_s = -1e9
        self._following = asyncio.Lock()

    @property
    def inputs(self) -> tuple[str, ...]:
        """Events and commands; their keys are profiles, and the key's partition is the profile's."""
        return (self._events, self._commands)

    async def start(self) -> None:
        """Read the catalog before any event is judged by it."""
        await self._catalog.start()

    async def stop(self) -> None:
        """The catalog's reader is all that is left open."""
        await self._catalog.close()

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """Claim the partition and bring its profiles back."""
        begun_s = self._monotonic()
        own = {topic: positions.get(topic, 0) for topic in self.inputs}
        # Neither by the definitions from before a long pause, nor by older ones than owners before had.
        await self._follow(to_the_end=True)
        ownership, restored = await opening.claim(self._log, self._topic, partition, self._identity, self._pass_by)
        partitions = await self._log.partitions(self._events)
        engine = Partition(self._catalog.catalog, self._config.rules, partition, ownership.epoch, partitions)
        await opening.bring_back(engine, restored, *own.values())
        self._pass_by("live.restored")
        self._open[partition] = Held(
            partition,
            engine,
            ownership,
            Flush(self._log, self._topic("state"), partition, restored.state_offset, self._pass_by),
            asyncio.Lock(),
            own,
            self._monotonic() - self._config.flush_every_s * (partition * GOLDEN % 1),
        )
        if engine.catalog is not self._catalog.catalog:
            engine.adopt(self._catalog.catalog)
        await self._begin_dynamic(self._open[partition])
        seconds = self._monotonic() - begun_s
        metrics.RESTORE_SECONDS.labels(self.name).observe(seconds)
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._open))
        told = {"epoch": ownership.epoch, "profiles": len(engine), "positions": own, "seconds": round(seconds, 3)}
        logger.info("partition open", partition=partition, **told)

    async def close(self, partition: int) -> None:
        """Drop the partition; what was acknowledged is all there is."""
        held = self._open.pop(partition, None)
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._open))
        for told in (metrics.CLOCK_LAG_SECONDS, metrics.PROFILES, metrics.WAITING_PROFILES):
            told.remove(partition)
        if held is not None:
            if held.flushing is not None:
                held.flushing.cancel()
                await asyncio.gather(held.flushing, return_exceptions=True)
            async with held.lock:
                logger.info("partition closed", partition=partition, positions=held.positions)

    async def handle(self, chunk: Chunk) -> None:
        """Decide about a chunk of events or commands and write what follows."""
        held = self._open[chunk.partition]
        if chunk.topic == self._commands:
            # Who sent a command knew the definition it is about; so must whoever obeys it.
            await self._follow(to_the_end=True)
        else:
            # Whoever defined a segment and then sent an event expects the one to see the other.
            await self._follow(unless_for_s=FOLLOW_AT_MOST_EVERY_S)
        async with held.lock:
            with metrics.chunk_seconds(self.name).time():
                decisions = await self._decide(held, chunk)
                self._pass_by("live.decided")
                if decisions.refused:
                    source = (chunk.topic, chunk.partition)
                    await deadletter.send(self._log, self._topic("deadletter"), self.name, source, decisions.refused)
                    self._pass_by("live.deadlettered")
                await self._write(held, decisions)
                if decisions.sent:
                    await handing.send(self._log, self._commands, decisions.sent, self._pass_by)
                held.positions[chunk.topic] = chunk.next_offset
        self._pass_by("live.written")

    async def _decide(self, held: Held, chunk: Chunk) -> Decisions:
        """Feed the engine; what is due to a crowd is written on the way, all else has still to be."""
        decisions, engine = Decisions(), held.engine
        # Producers' batches may be tiny or huge; what is fed at once decides how long others wait.
        records = chain.from_iterable(chunk.batches)
        for feed, first in enumerate(records):
            if feed:
                await asyncio.sleep(0)
            some = chain((first,), islice(records, RECORDS_PER_FEED - 1))
            if chunk.topic == self._commands:
                decisions.add(engine.obey(some))
                continue
            for decided in engine.feed_in_pieces(chunk.topic, some, self._config.due_at_once):
                decisions.add(decided)
                if engine.is_behind:
                    await self._write_on_the_way(held, decisions)
        return decisions

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """Tell the engine what will never be read again."""
        held = self._open.get(partition)
        if held is not None and topic == self._events:
            held.engine.committed(offset)
        elif held is not None:
            held.engine.committed(0, offset)

    async def tick(self) -> None:
        """Follow the catalog, pass time where the partition has caught up, sweep and flush."""
        now_s = self._monotonic()
        if now_s - self._followed_s >= self._config.follow_every_s:
            await self._follow()
        if self._open and now_s - self._asked_all_s >= self._config.ask_every_s:
            self._asked_s = self._asked_all_s = now_s
            await self._pass_time(sorted(self._open))
        elif now_s - self._asked_s >= self._config.ask_when_due_every_s:
            numbers = self._near_a_deadline(now_s)
            if numbers:
                self._asked_s = now_s
                await self._pass_time(numbers)
        for held in list(self._open.values()):
            await self._begin_dynamic(held)
            if self._open.get(held.number) is held:
                self._flush_when_due(held, now_s)

    async def _begin_dynamic(self, held: Held) -> None:
        """Say from which offset on new dynamic segments are followed; nothing may be in flight then."""
        if not held.engine.following.handovers.awaits_adoption or held.lock.locked():
            return
        async with held.lock:
            if self._open.get(held.number) is held:
                held.engine.adopted(held.positions[self._events])
                await self._write(held, Decisions())
                self._pass_by("live.adopted")

    async def _follow(self, *, to_the_end: bool = False, unless_for_s: float = 0.0) -> None:
        """Have the engines know the definitions as of this call, unless a look for so long ago showed them."""
        asked_s = self._monotonic()
        async with self._following:
            # Asked in here: a look that is under way has shown nothing yet.
            if asked_s - self._followed_s < unless_for_s:
                return
            self._followed_s = self._monotonic()
            if await (self._catalog.catch_up() if to_the_end else self._catalog.poll()):
                for held in self._open.values():
                    held.engine.adopt(self._catalog.catalog)

    def _near_a_deadline(self, now_s: float) -> list[int]:
        """The partitions for which time has something to do, by the last answer."""
        likely_ms = self._told_ms + int((now_s - self._asked_s) * 1000)
        return [
            number
            for number, held in sorted(self._open.items())
            if held.engine.is_sweeping or held.engine.is_due(likely_ms)
        ]

    async def _pass_time(self, numbers: Sequence[int]) -> None:
        """Ask the log for its time and ends, and let time pass where all events were applied.

        Commands do not hold time up: no deadline waits for what they say.
        """
        told_ms, ends = await self._log.ends_as_of((self._events,), numbers)
        self._told_ms = told_ms
        caught_up = []
        for number in numbers:
            held = self._open.get(number)
            if held is None:
                continue
            if ends[self._events, number] <= held.positions[self._events] and not held.lock.locked():
                caught_up.append(self._pass_time_of(held, told_ms))
            metrics.CLOCK_LAG_SECONDS.labels(number).set(max(told_ms - held.engine.clock_ms, 0) / 1000)
            metrics.PROFILES.labels(number).set(len(held.engine))
            metrics.WAITING_PROFILES.labels(number).set(held.engine.shelf.waiting)
        await asyncio.gather(*caught_up)

    async def _pass_time_of(self, held: Held, told_ms: int) -> None:
        """Everything that existed at `told_ms` was applied: let it be that time here."""
        async with held.lock:
            if self._open.get(held.number) is not held:
                return  # closed while it waited: it may be another's by now
            decisions, at_once = Decisions(), self._config.due_at_once
            decisions.add(held.engine.tick(told_ms, self._config.sweep_batch, at_once))
            while held.engine.is_behind:
                await self._write_on_the_way(held, decisions)
                decisions.add(held.engine.tick(told_ms, 0, at_once))
            await self._write(held, decisions)
            self._pass_by("live.ticked")
            swept = held.engine.take_swept()
            if swept:
                record = NewRecord(SWEPT_KEY, encode(Swept(held.ownership.epoch, swept)))
                await held.ownership.append([record])

    async def _write_on_the_way(self, held: Held, decisions: Decisions) -> None:
        """A million may have waited for one minute: write what came of some of them, and let others work."""
        await self._write(held, decisions)
        self._pass_by("live.ticked")
        await asyncio.sleep(0)

    async def _write(self, held: Held, decisions: Decisions) -> None:
        """Append the outcomes that wait, and wait for the acknowledgement."""
        decisions.tell(self.name)
        adopted = [NewRecord(ADOPTED_KEY, encode(one)) for one in held.engine.take_handovers()]
        records = [*adopted, *decisions.outcomes]
        if records:
            await held.ownership.append(records)
        decisions.outcomes.clear()

    def _flush_when_due(self, held: Held, now_s: float) -> None:
        """Flush beside the work; what a flush that ended raised comes up here."""
        if held.flushing is not None:
            if not held.flushing.done():
                return
            held.flushing.result()
            held.flushing = None
        late = now_s - held.flushed_s >= self._config.flush_every_s
        if late or held.engine.shelf.dirty >= self._config.flush_every_profiles:
            held.flushed_s = now_s
            held.flushing = asyncio.create_task(self._flush(held), name=f"flush {held.number}")

    async def _flush(self, held: Held) -> None:
        """Take the states while nothing is in flight, write them while the partition goes on."""
        async with held.lock:
            await held.ownership.check()
            await held.flush.check(held.engine)
            events_offset, commands_offset = (held.positions[topic] for topic in self.inputs)
            taken = held.flush.take(held.engine, held.ownership.next_offset, events_offset, commands_offset)
        await held.flush.write(held.engine, taken)
