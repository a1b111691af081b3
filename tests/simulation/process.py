"""One simulated worker process: a stage, its reader and what a host does with them.

The host's rules: open from the committed offsets, handle chunk by chunk, commit only what handle returned
from. A process that fails is thrown away by the world; nothing here restarts anything.
"""

import asyncio

NAMESPACE = "octyseg."


class Process:
    """A stage in a process of its own; `partitions` are those it has open, and how far it handled them."""

    def __init__(self, log, stage):
        self.log = log
        self.stage = stage
        self.partitions: dict[int, int] = {}
        self.committed: dict[int, int] = {}
        self.started = False
        self.opening = False
        self.is_out = False
        self.task: asyncio.Task | None = None
        self._reader = log.reader()
        (self._topic,) = stage.inputs
        self._group = f"{NAMESPACE}{stage.name}"

    @property
    def is_paused(self):
        return self.log.paused is not None

    async def follow(self, assigned):
        """Close what went to others, open what is ours now."""
        if not self.started:
            await self.stage.start()
            self.started = True
        for partition in [one for one in self.partitions if one not in assigned]:
            await self.close(partition)
        for partition in assigned:
            if partition not in self.partitions:
                self.opening = True
                committed = await self.log.committed(self._group, self._topic, [partition])
                position = committed[partition] or 0
                await self.stage.open(partition, {self._topic: position})
                self.opening = False
                self._reader.seek(self._topic, partition, position)
                self.partitions[partition] = self.committed[partition] = position

    async def close(self, partition):
        self.partitions.pop(partition, None)
        self._reader.drop(self._topic, partition)
        await self.stage.close(partition)

    async def read(self):
        """Handle one chunk of every partition that has something."""
        for chunk in await self._reader.read(0):
            await self.stage.handle(chunk)
            if chunk.partition in self.partitions:
                self.partitions[chunk.partition] = chunk.next_offset

    async def tick(self):
        await self.stage.tick()

    async def commit(self):
        """Tell the group how far all partitions were handled."""
        news = {one: offset for one, offset in self.partitions.items() if offset != self.committed[one]}
        if news:
            await self.log.commit(self._group, self._topic, news)
            self.committed.update(news)
            for partition, offset in news.items():
                await self.stage.committed(self._topic, partition, offset)

    def kill(self):
        """No more steps of it, ever."""
        for task in [self.task, *(held.flushing for held in getattr(self.stage, "_open", {}).values())]:
            if task is not None and not task.cancel() and not task.cancelled():
                task.exception()
