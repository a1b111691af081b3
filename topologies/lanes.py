"""The partitions a process has: one lane each, which opens it, feeds it in order and closes it.

Lanes keep a host's promises to a stage (octyseg.stages.port) whatever a group does to the assignment:
chunks wait until their partition is open, chunks of another assignment are dropped, one chunk of a
partition is handled at a time across topics, and nothing is handled after a close. They know nothing of
Faust: assignments and chunks come in, offsets that were handled go out through `handled`.
"""

import asyncio
from collections.abc import Callable, Collection

from octyseg import logs, metrics
from octyseg.cancellation import is_cancelled
from octyseg.errors import Fenced
from octyseg.log.kafka_batches import cut_below, start_of
from octyseg.log.port import Chunk, Log, refuse_another
from octyseg.stages.port import Stage

Handled = Callable[[str, int, int], None]
End = Callable[[BaseException], None]

_logger = logs.get(__name__)


class _Lane:
    """One partition from an assignment to its close; `positions` is where each topic goes on."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.turn = asyncio.Lock()
        self.positions: dict[str, int] = {}
        self.opening: asyncio.Task[None] | None = None
        self.work: asyncio.Task[None] | None = None
        self.closing: asyncio.Task[None] | None = None
        self.is_open = False

    async def settle(self) -> None:
        """Wait until what is in hand was handled and noted."""
        async with self.turn:
            pass


class Lanes:
    """All lanes of one stage in one process, between `start` and `stop`.

    `end` is told what no stage can live with; it ends the process. `drain_s` is how long a chunk in
    hand may take to finish when its partition is taken away; `fenced_s` how long a partition that
    another owner claimed may stay ours by assignment before the process starts again.
    """

    def __init__(
        self, stage: Stage, log: Log, group: str, *, handled: Handled, end: End, drain_s: float, fenced_s: float
    ) -> None:
        self._stage = stage
        self._log = log
        self._group = group
        self._handled = handled
        self._end = end
        self._drain_s = drain_s
        self._fenced_s = fenced_s
        self._lanes: dict[int, _Lane] = {}
        self._generation = 0
        self._assigned = asyncio.Condition()
        self._flows = False
        self._unowned: asyncio.TimerHandle | None = None

    def idle(self) -> set[int]:
        """The partitions that wait for chunks: not those that open or have one in hand."""
        return {number for number, lane in self._lanes.items() if lane.is_open and lane.work is None}

    def position(self, topic: str, number: int) -> int | None:
        """Where an open partition goes on; None when it is not open here."""
        lane = self._lanes.get(number)
        return lane.positions.get(topic) if lane is not None and lane.is_open else None

    async def assign(self, numbers: Collection[int], generation: int) -> None:
        """These partitions are ours; opens what is new, in the background, and closes what went.

        A partition that stays is not opened again, unless an assignment was missed: then another
        process may have had it in between.
        """
        stays = generation == self._generation + 1

        def is_over(lane: _Lane) -> bool:
            return not stays or lane.number not in numbers or lane.closing is not None

        # Again, because others may turn out to be lost while these close.
        while given_up := [lane for lane in self._lanes.values() if is_over(lane)]:
            await self._give_up(*given_up)
        if self._unowned is not None:
            self._unowned.cancel()
            self._unowned = None
        for number in sorted(set(numbers) - self._lanes.keys()):
            lane = self._lanes[number] = _Lane(number)
            lane.opening = asyncio.create_task(self._open(lane), name=f"{self._stage.name} opens {number}")
        async with self._assigned:
            self._generation = generation
            self._flows = True
            self._assigned.notify_all()

    async def revoke(self) -> None:
        """Another assignment is on its way: begin nothing more, and let what is in hand finish in time."""
        self._flows = False
        settling = [asyncio.create_task(lane.settle()) for lane in self._lanes.values() if lane.work is not None]
        if settling:
            _, late = await asyncio.wait(settling, timeout=self._drain_s)
            for task in late:
                task.cancel()
        # Half a chunk was decided: the stage's idea of the partition is not what the log holds.
        await self._give_up(*(lane for lane in self._lanes.values() if lane.work is not None))

    async def close(self) -> None:
        """Let what is in hand finish in time, then give every partition away."""
        await self.revoke()
        await self._give_up(*self._lanes.values())

    async def take(self, chunk: Chunk) -> None:
        """Handle the chunk if it is of the present assignment; waits for the assignment and the opening."""
        if self._generation < chunk.generation:
            # The first chunks may be quicker than the news of the assignment that they belong to.
            async with self._assigned:
                await self._assigned.wait_for(lambda: self._generation >= chunk.generation)
        lane = self._lanes.get(chunk.partition)
        if lane is None:
            return
        async with lane.turn:
            if lane.opening is not None and not lane.opening.done():
                await asyncio.wait([lane.opening])
            if not self._flows or not lane.is_open or chunk.generation != self._generation:
                return
            try:
                await self._handle(lane, chunk)
            except Fenced as error:
                await self._lose(error, [lane])
            except Exception as error:  # noqa: BLE001 - whatever it is, this process cannot go on
                self._end(error)

    async def tick(self) -> None:
        """Let the stage look at the time, unless an assignment is under way."""
        if not self._flows:
            return
        try:
            await self._stage.tick()
        except Fenced as error:
            # Which partition it was does not matter: who lost one by sleeping has lost them all.
            await self._lose(error, list(self._lanes.values()))

    async def committed(self, topic: str, number: int, offset: int) -> None:
        """The group has this offset."""
        lane = self._lanes.get(number)
        if lane is not None and lane.is_open:
            await self._stage.committed(topic, number, offset)

    async def _open(self, lane: _Lane) -> None:
        try:
            positions = await self._positions(lane.number)
            await self._stage.open(lane.number, positions)
            lane.positions = dict(positions)
            lane.is_open = lane.closing is None
        except Fenced as error:
            await self._lose(error, [lane])
        except Exception as error:  # noqa: BLE001 - as in take
            self._end(error)

    async def _positions(self, number: int) -> dict[str, int]:
        """Where the group goes on: its commit, or the lowest offset there is."""
        positions = {}
        for topic in self._stage.inputs:
            committed = (await self._log.committed(self._group, topic, [number]))[number]
            start = (await self._log.starts(topic, [number]))[number]
            if committed is not None and committed < start:
                _count_gap(topic, number, committed, start)
            await self._refuse_another(topic, number, committed or 0)
            positions[topic] = max(committed or 0, start)
        return positions

    async def _handle(self, lane: _Lane, chunk: Chunk) -> None:
        position = lane.positions[chunk.topic]
        start = start_of(chunk)
        if start < position:
            # It was fetched a second time, if there is still so much of it.
            await self._refuse_another(chunk.topic, lane.number, position)
            chunk = cut_below(chunk, position)
        elif start > position:
            await self._look_into(chunk.topic, lane.number, position, start)
        if chunk.next_offset > position:
            lane.work = asyncio.create_task(self._stage.handle(chunk), name=f"{self._stage.name} handles {lane.number}")
            try:
                await lane.work
                if is_cancelled():
                    # The stage took it for an answer: what it says it handled is not ours to note any more.
                    raise asyncio.CancelledError  # noqa: TRY301 - it ends as if it had been heard
            except asyncio.CancelledError:
                if lane.closing is not None and not is_cancelled():
                    return
                await self._give_up(lane)
                raise
            finally:
                lane.work = None
            position = lane.positions[chunk.topic] = chunk.next_offset
        self._handled(chunk.topic, lane.number, position)

    async def _refuse_another(self, topic: str, number: int, position: int) -> None:
        await refuse_another(self._log, topic, number, position, f"group {self._group}")

    async def _look_into(self, topic: str, number: int, position: int, start: int) -> None:
        """Offsets were skipped: retention may do that, nobody else."""
        lowest = (await self._log.starts(topic, [number]))[number]
        assert lowest >= start, f"reading {topic}-{number} went from {position} to {start}, but {lowest} can be read"
        _count_gap(topic, number, position, start)

    async def _lose(self, error: Fenced, lanes: Collection[_Lane]) -> None:
        """Another owner claimed these; the group will say so too, or this process no longer fits in."""
        numbers = [lane.number for lane in lanes]
        metrics.FENCED.labels(self._stage.name).inc(len(numbers))
        _logger.warning("partition lost", stage=self._stage.name, partitions=numbers, reason=str(error))
        if self._unowned is None:
            self._unowned = asyncio.get_running_loop().call_later(self._fenced_s, self._end, error)
        await self._give_up(*lanes)

    async def _give_up(self, *lanes: _Lane) -> None:
        """Close the lanes, each once; whoever asks for it waits until the stage has closed their partitions.

        All of them begin to close at once: an assignment that comes meanwhile is not to count on any.
        """
        for lane in lanes:
            if lane.closing is None:
                lane.is_open = False
                name = f"{self._stage.name} closes {lane.number}"
                lane.closing = asyncio.create_task(self._close(lane, asyncio.current_task()), name=name)
        closings = [lane.closing for lane in lanes if lane.closing is not None]
        if closings:
            await asyncio.wait(closings)

    async def _close(self, lane: _Lane, asking: asyncio.Task[None] | None) -> None:
        for task in (lane.opening, lane.work):
            if task is not None and task is not asking and not task.done():
                task.cancel()
                await asyncio.wait([task])
        try:
            await self._stage.close(lane.number)
        except Exception as error:  # noqa: BLE001 - as in take
            self._end(error)
        # Not sooner: while it is here, nobody opens the partition again.
        del self._lanes[lane.number]


def _count_gap(topic: str, number: int, position: int, start: int) -> None:
    metrics.GAP_RECORDS.labels(topic).inc(start - position)
    _logger.error(
        "records lost to retention before they were read: give the topic more of it, or more workers",
        topic=topic,
        partition=number,
        position=position,
        lowest=start,
    )
