"""A stage that counts, and a program that hosts it: what the tests of topologies run as worker processes.

Every chunk leads to one record in `outcomes`: the sum so far, the offsets that it covers and who wrote
it. A partition that is opened goes on from the newest such record, so a chunk that is handled twice
shows as a repeated span and one that is lost as a hole. Run: python -m tests.topologies.counting
"""

import asyncio
import sys
from collections.abc import Mapping

import msgspec

from octyseg import logs, settings
from octyseg.errors import Fenced, UsageError
from octyseg.hosting.kafka import kafka_log
from octyseg.log.port import Chunk, Log, NewRecord, read_through


class Span(msgspec.Struct, frozen=True):
    """Offsets from `start` to `stop` - 1 of the events were counted; a claim covers nothing."""

    epoch: int
    writer: str
    start: int
    stop: int
    total: int


class CountingStage:
    """Sums the values of the records of `events`, and keeps Kafka's rule of one writer by claims."""

    name = "counting"

    def __init__(self, log: Log, namespace: str, writer: str) -> None:
        self._log = log
        self._events, self._outcomes = namespace + "events", namespace + "outcomes"
        self._writer = writer
        self._state: dict[int, Span] = {}
        self._ends: dict[int, int] = {}
        self.inputs = (self._events,)

    async def start(self) -> None:
        """Nothing."""

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """Go on from the newest span of the highest epoch, under a higher one."""
        newest = Span(0, "", 0, 0, 0)
        end = (await self._log.ends(self._outcomes, [partition]))[partition]
        async for record in read_through(self._log, self._outcomes, partition, 0, end):
            span = msgspec.json.decode(record.value, type=Span)
            if span.epoch >= newest.epoch:
                newest = span
        assert positions[self._events] <= newest.stop, "an offset was committed before its span was written"
        self._ends[partition] = end
        claim = Span(newest.epoch + 1, self._writer, newest.stop, newest.stop, newest.total)
        self._state[partition] = claim
        await self._append(partition, claim)

    async def handle(self, chunk: Chunk) -> None:
        """Add up what is above the last span."""
        state = self._state[chunk.partition]
        numbers = [int(r.value) for batch in chunk.batches for r in batch if r.offset >= state.stop]
        if not numbers:
            return
        await asyncio.sleep(0)
        span = Span(state.epoch, self._writer, state.stop, chunk.next_offset, state.total + sum(numbers))
        self._state[chunk.partition] = span
        await self._append(chunk.partition, span)

    async def tick(self) -> None:
        """Time adds nothing."""

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """Nothing may be committed that was not counted."""
        assert offset <= self._state[partition].stop

    async def close(self, partition: int) -> None:
        """Forget; nothing is known of a partition whose opening was broken off."""
        self._state.pop(partition, None)

    async def stop(self) -> None:
        """Nothing."""
        assert not self._state

    async def _append(self, partition: int, span: Span) -> None:
        appended = await self._log.append(self._outcomes, partition, [NewRecord(b"span", msgspec.json.encode(span))])
        between = read_through(self._log, self._outcomes, partition, self._ends[partition], appended.first_offset)
        async for record in between:
            if msgspec.json.decode(record.value, type=Span).epoch >= span.epoch:
                raise Fenced(f"partition {partition} is claimed by another")
        self._ends[partition] = appended.next_offset


def main() -> None:
    """Host the stage with the settings of the environment."""
    from topologies.host import host  # noqa: PLC0415 - only the program needs Faust
    from topologies.worker import run_apps  # noqa: PLC0415

    chosen = settings.load()
    logs.configure(chosen.log_level)
    log = kafka_log(chosen)
    run_apps([host(chosen, CountingStage(log, chosen.namespace, chosen.instance_id), log)])


if __name__ == "__main__":
    try:
        main()
    except UsageError as error:
        sys.exit(str(error))
