"""One simulated worker process: a stage, its reader and what a host does with them.

The host's rules: open from the committed offsets, handle chunk by chunk, commit only what handle returned
from. A process that fails is thrown away by the world; nothing here restarts anything.
"""

import asyncio

NAMESPACE = "octyseg."


class Process:
    """A stage in a process of its own; `positions` say how far it handled each topic of each partition it has open."""

    def __init__(self, log, stage):
        self.log = log
        self.stage = stage
        self.positions: dict[tuple[str, int], int] = {}
        self.commits: dict[tuple[str, int], int] = {}
        self.started = False
        self.opening = False
        self.is_out = False
        self.task: asyncio.Task | None = None
        self._reader = log.reader()
        self._group = f"{NAMESPACE}{stage.name}"

    @property
    def is_paused(self):
        return self.log.paused is not None

    @property
    def partitions(self):
        """How far the first input of each open partition was handled."""
        return {partition: at for (topic, partition), at in self.positions.items() if topic == self.stage.inputs[0]}

    def is_at(self, ends):
        """Whether everything up to these ends, by topic and partition, was handled and committed."""
        return all(self.positions.get(place) == end == self.commits.get(place) for place, end in ends.items())

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
                positions = {}
                for topic in self.stage.inputs:
                    committed = await self.log.committed(self._group, topic, [partition])
                    positions[topic] = committed[partition] or 0
                await self.stage.open(partition, positions)
                self.opening = False
                for topic, position in positions.items():
                    self._reader.seek(topic, partition, position)
                    self.positions[topic, partition] = self.commits[topic, partition] = position

    async def close(self, partition):
        for topic in self.stage.inputs:
            self.positions.pop((topic, partition), None)
            self._reader.drop(topic, partition)
        await self.stage.close(partition)

    async def read(self):
        """Handle one chunk of every place that has something."""
        for chunk in await self._reader.read(0):
            if (chunk.topic, chunk.partition) in self.positions:
                await self.stage.handle(chunk)
            if (chunk.topic, chunk.partition) in self.positions:
                self.positions[chunk.topic, chunk.partition] = chunk.next_offset

    async def tick(self):
        await self.stage.tick()

    async def commit(self):
        """Tell the group how far all partitions were handled."""
        for topic in self.stage.inputs:
            news = {
                partition: at
                for (of_topic, partition), at in self.positions.items()
                if of_topic == topic and at != self.commits[topic, partition]
            }
            if news:
                await self.log.commit(self._group, topic, news)
                for partition, offset in news.items():
                    self.commits[topic, partition] = offset
                    await self.stage.committed(topic, partition, offset)

    def kill(self):
        """No more steps of it, ever."""
        for task in [self.task, *(held.flushing for held in getattr(self.stage, "_open", {}).values())]:
            if task is not None and not task.cancel() and not task.cancelled():
                task.exception()
