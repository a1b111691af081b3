"""Run one stage over all partitions of its inputs, in this process, against the log port alone.

The host's promises to a stage (octyseg.stages.port) are kept here: open before handle, one chunk of
a partition at a time, commit only what handle returned from, tick beside it, close and a last commit
at the end. There is no group: who runs a stage this way owns every partition of it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from octyseg.hosting.lag import MEASURE_EVERY_S, Lag
from octyseg.log.port import Chunk, Log, Reader, refuse_another
from octyseg.stages.port import Stage

READ_WAIT_S = 0.5
# Who read so many records has a backlog before it and does not rest.
MANY_RECORDS = 1_000
# How long work in hand may take when the host ends.
END_WITHIN_S = 5.0


def group_of(namespace: str, stage: str) -> str:
    """The consumer group of a stage: the same name on every log and host."""
    return f"{namespace}{stage}"


class Runner:
    """One stage from its first position to `stop`; `run` raises whatever the stage raised.

    It rests for `rest_s` after it handled a few records: what arrives meanwhile comes in larger chunks.
    """

    def __init__(
        self,
        log: Log,
        stage: Stage,
        namespace: str,
        *,
        tick_every_s: float = 0.05,
        commit_every_s: float = 0.5,
        rest_s: float = 0.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._log = log
        self._stage = stage
        self._group = group_of(namespace, stage.name)
        self._lag = Lag(stage.name, log)
        self._tick_every_s = tick_every_s
        self._commit_every_s = commit_every_s
        self._rest_s = rest_s
        self._sleep = sleep
        self.ready = asyncio.Event()
        self._ending = False
        self._handled: dict[tuple[str, int], int] = {}
        self._committed: dict[tuple[str, int], int] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then commit and close."""
        reader = self._log.reader()
        await self._stage.start()
        begun: list[int] = []
        try:
            for partition, positions in sorted((await self._positions()).items()):
                begun.append(partition)
                await self._stage.open(partition, positions)
                for topic, offset in positions.items():
                    reader.seek(topic, partition, offset)
            self.ready.set()
            await self._work(reader, stop)
        finally:
            await reader.close()
            for partition in begun:
                await self._stage.close(partition)
            await self._stage.stop()

    async def _positions(self) -> Mapping[int, Mapping[str, int]]:
        """Where reading goes on, per partition and topic: the commit, or the lowest offset there is."""
        found: dict[int, dict[str, int]] = {}
        for topic in self._stage.inputs:
            numbers = range(await self._log.partitions(topic))
            committed = await self._log.committed(self._group, topic, numbers)
            starts = await self._log.starts(topic, numbers)
            for number in numbers:
                await refuse_another(self._log, topic, number, committed[number] or 0, f"group {self._group}")
                position = max(committed[number] or 0, starts[number])
                found.setdefault(number, {})[topic] = position
                self._handled[topic, number] = self._committed[topic, number] = position
        return found

    async def _work(self, reader: Reader, stop: asyncio.Event) -> None:
        jobs = [
            asyncio.create_task(job, name=f"{self._stage.name} {name}")
            for name, job in (("read", self._read(reader)), ("tick", self._tick()), ("commit", self._commit()))
        ]
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait([*jobs, stopping], return_when=asyncio.FIRST_COMPLETED)
            self._ending = True
            await asyncio.wait(jobs, timeout=END_WITHIN_S)
            for job in jobs:
                if job.done():
                    job.result()
        finally:
            # Who still waits then waits for a service that is away; nothing of it was committed.
            for task in (*jobs, stopping):
                task.cancel()
            await asyncio.wait([*jobs, stopping], timeout=END_WITHIN_S)
        await self._commit_handled()

    async def _read(self, reader: Reader) -> None:
        while not self._ending:
            chunks = await reader.read(READ_WAIT_S)
            if chunks:
                records = sum(await asyncio.gather(*(self._handle(chunk) for chunk in chunks)))
                if records < MANY_RECORDS:
                    await self._sleep(self._rest_s)

    async def _handle(self, chunk: Chunk) -> int:
        """How many offsets that was."""
        place = chunk.topic, chunk.partition
        await self._stage.handle(chunk)
        before, self._handled[place] = self._handled[place], chunk.next_offset
        return chunk.next_offset - before

    async def _tick(self) -> None:
        while not self._ending:
            await self._stage.tick()
            await asyncio.sleep(self._tick_every_s)

    async def _commit(self) -> None:
        """Commit again and again, and now and then tell how far behind that is."""
        loop = asyncio.get_running_loop()
        measured_s = loop.time()
        while not self._ending:
            await asyncio.sleep(self._commit_every_s)
            await self._commit_handled()
            if loop.time() - measured_s >= MEASURE_EVERY_S:
                measured_s = loop.time()
                await self._lag.measure(self._committed)

    async def _commit_handled(self) -> None:
        for topic in self._stage.inputs:
            news = {
                number: offset
                for (of_topic, number), offset in self._handled.items()
                if of_topic == topic and offset != self._committed[topic, number]
            }
            if news:
                await self._log.commit(self._group, topic, news)
                for number, offset in news.items():
                    self._committed[topic, number] = offset
                    await self._stage.committed(topic, number, offset)
