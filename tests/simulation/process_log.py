"""The log as one simulated process sees it: the same log, with this process' faults on the way to it."""

import asyncio

from octyseg.errors import LogUnavailable
from octyseg.log.port import Chunk
from tests.simulation.triggers import Crashed


class ProcessLog:
    """Passes every call on; at each one the process may crash, be paused, be refused or lose the answer."""

    def __init__(self, log, armed, split):
        self.log = log
        self.armed = armed
        self.split = split
        self.paused: asyncio.Event | None = None

    async def append(self, topic, partition, records):
        effect = await self._before(f"append {short(topic)}")
        if effect in {"cut", "part"} and len(records) > 1:
            return await self._append_in_two(effect, topic, partition, records)
        appended = await self.log.append(topic, partition, records)
        if effect == "lose":
            raise LogUnavailable(f"append {topic}: stored, but the answer was lost")
        return appended

    async def _append_in_two(self, effect, topic, partition, records):
        """A long append is several batches: the process may die between two of them, or be paused there."""
        half = len(records) // 2
        first = await self.log.append(topic, partition, records[:half])
        if effect == "cut":
            raise Crashed(f"append {topic}: only a part of it was stored")
        await self._pause()
        last = await self.log.append(topic, partition, records[half:])
        return last._replace(first_offset=first.first_offset)

    async def commit(self, group, topic, offsets):
        effect = await self._before("commit")
        await self.log.commit(group, topic, offsets)
        if effect == "lose":
            raise LogUnavailable("commit: stored, but the answer was lost")

    async def ends(self, topic, partitions):
        await self._before(f"ends {short(topic)}")
        return await self.log.ends(topic, partitions)

    async def ends_as_of(self, topics, partitions):
        # The answer is on its way while the process stands still: it is as old as the pause was long.
        answer = await self.log.ends_as_of(topics, partitions)
        await self._before("ends_as_of")
        return answer

    async def starts(self, topic, partitions):
        await self._before(f"starts {short(topic)}")
        return await self.log.starts(topic, partitions)

    async def committed(self, group, topic, partitions):
        answer = await self.log.committed(group, topic, partitions)
        await self._before("committed")
        return answer

    async def partitions(self, topic):
        return await self.log.partitions(topic)

    def reader(self):
        return ProcessReader(self)

    async def _before(self, what):
        effect = self.armed.due(what)
        if effect == "pause":
            await self._pause()
        while self.paused is not None:
            await self.paused.wait()
        if effect == "cancel":
            raise asyncio.CancelledError
        if effect == "crash":
            raise Crashed(what)
        if effect == "refuse":
            raise LogUnavailable(f"{what}: refused")
        return effect

    async def _pause(self):
        if self.paused is None:
            self.paused = asyncio.Event()
        while self.paused is not None:
            await self.paused.wait()

    def resume(self):
        """Let the process go on where it was stopped."""
        if self.paused is not None:
            self.paused.set()
            self.paused = None


class ProcessReader:
    """Reads like the log's own reader; a chunk may come as two batches, as it does from Kafka."""

    def __init__(self, process_log):
        self._log = process_log
        self._reader = process_log.log.reader()
        self.seek, self.drop, self.close = self._reader.seek, self._reader.drop, self._reader.close

    async def read(self, wait_s):
        await self._log._before("read")
        return [self._split(chunk) for chunk in await self._reader.read(wait_s)]

    def _split(self, chunk):
        at = self._log.split()
        records = [record for batch in chunk.batches for record in batch]
        batches = (iter(records[:at]), iter(records[at:])) if 0 < at < len(records) else (iter(records),)
        return Chunk(chunk.topic, chunk.partition, batches, chunk.next_offset, chunk.generation)


def short(topic):
    return topic.rpartition(".")[2]
