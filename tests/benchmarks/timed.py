"""A stage with a stopwatch: from the first chunk handled until the last one was acknowledged.

It waits at its first chunk until `go`, so that several workers can start at one moment with all their
partitions open. The partitions are finished when all that stood in them at their opening is handled.
"""

import asyncio
from collections.abc import Mapping

from octyseg.hosting.assembly import live_stage
from octyseg.log.port import Chunk, Log
from octyseg.settings import Settings
from octyseg.stages.port import Stage
from tests.benchmarks.measured import Measured, Stopwatch, peak_mib


class Timed:
    """A stage, watched. `open` is set while exactly `partitions` are open, `done` when they are finished."""

    def __init__(self, stage: Stage, log: Log, partitions: int) -> None:
        self._stage = stage
        self._log = log
        self._partitions = partitions
        self._ends: dict[int, int] = {}
        self._handled: dict[int, int] = {}
        self._watch: Stopwatch | None = None
        self.name = stage.name
        self.inputs = stage.inputs
        self.is_open = asyncio.Event()
        self.go = asyncio.Event()
        self.done = asyncio.Event()
        self.measured: Measured | None = None

    async def start(self) -> None:
        await self._stage.start()

    async def stop(self) -> None:
        await self._stage.stop()

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        await self._stage.open(partition, positions)
        self._ends[partition] = (await self._log.ends(self.inputs[0], [partition]))[partition]
        self._look()

    async def close(self, partition: int) -> None:
        await self._stage.close(partition)
        self._ends.pop(partition, None)
        self._look()

    async def tick(self) -> None:
        await self._stage.tick()

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        await self._stage.committed(topic, partition, offset)

    async def handle(self, chunk: Chunk) -> None:
        await self.go.wait()
        self._watch = self._watch or Stopwatch()
        await self._stage.handle(chunk)
        self._handled[chunk.partition] = chunk.next_offset
        if all(self._handled.get(number, 0) >= end for number, end in self._ends.items()) and not self.measured:
            events = sum(self._handled[number] for number in self._ends)
            self.measured = self._watch.stop(events, peak_mib=round(peak_mib()))
            self.done.set()

    def _look(self) -> None:
        if len(self._ends) == self._partitions:
            self.is_open.set()
        else:
            self.is_open.clear()


def timed(settings: Settings, log: Log, partitions: int) -> Timed:
    """The live stage of the settings, to be measured over so many partitions."""
    return Timed(live_stage(settings, log), log, partitions)
