"""The tags stage: writes every tag change of every outcome on `octyseg.tags`, the public result.

Input: valid outcomes, in log order. It decides nothing and keeps nothing; a repeat writes the same
changes again under the same change ids, which is what receivers ignore them by.
"""

import asyncio
from collections.abc import Mapping

from octyseg import metrics
from octyseg.log.port import Chunk, Log, NewRecord
from octyseg.model.change import to_json
from octyseg.stages.crashpoints import Pass, pass_by
from octyseg.stages.outcomes import Entry, Fence


class TagsStage:
    """Consumer of outcomes with a group of its own. Made once per process, holds a fence per open partition."""

    name = "tags"

    def __init__(self, log: Log, namespace: str, *, passing: Pass = pass_by) -> None:
        self.inputs = (namespace + "outcomes",)
        self._log = log
        self._pass_by = passing
        self._output = namespace + "tags"
        self._fences: dict[int, Fence] = {}
        self._positions: dict[int, int] = {}

    async def start(self) -> None:
        """Nothing to prepare."""

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """Learn which owner's outcomes count at the position."""
        (topic,) = self.inputs
        fence = Fence(self.name)
        await fence.look_back(self._log, topic, partition, positions[topic])
        self._fences[partition] = fence
        self._positions[partition] = positions[topic]
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._fences))

    async def handle(self, chunk: Chunk) -> None:
        """One append for all changes of the chunk, acknowledged on return."""
        fence, position = self._fences[chunk.partition], self._positions[chunk.partition]
        records = []
        with metrics.chunk_seconds(self.name).time():
            for number, batch in enumerate(chunk.batches):
                if number:
                    await asyncio.sleep(0)
                for entry in fence.walk(batch, position):
                    if isinstance(entry, Entry):
                        key = entry.profile_id.encode()
                        records += [NewRecord(key, to_json(change)) for change in entry.outcome.changes]
            self._pass_by("tags.read")
            if records:
                await self._log.append(self._output, chunk.partition, records)
        self._positions[chunk.partition] = chunk.next_offset
        metrics.events(self.name, "written").inc(len(records))
        self._pass_by("tags.published")

    async def tick(self) -> None:
        """Time changes nothing here."""

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """Nothing was kept for a repeat."""

    async def close(self, partition: int) -> None:
        """Forget the partition."""
        self._fences.pop(partition, None)
        self._positions.pop(partition, None)
        metrics.OPEN_PARTITIONS.labels(self.name).set(len(self._fences))

    async def stop(self) -> None:
        """Nothing to end."""
