"""What a host (a Faust topology, the embedded runner, the simulation) needs to know of a stage.

The host calls, per partition and never at the same time for one partition:
`open` -> (`handle` | `tick`)* -> `close`, which also follows an `open` that was broken off. Partitions open
and close while a `tick` is under way. When `handle` returns, all that the chunk led to is
durable and `chunk.next_offset` may be committed; when it raises, nothing may be committed. Fenced
means: drop this partition. Any other exception means: end the process, a supervisor starts it again.
"""

from collections.abc import Mapping
from typing import Literal, Protocol

from octyseg.log.port import Chunk

StageName = Literal["live", "tags", "projection", "webhooks", "archive", "past"]


class Stage(Protocol):
    """One verb of the house, over the partitions its host gives it."""

    @property
    def name(self) -> str:
        """The stage's word in metrics, logs and consumer groups, e.g. `live`."""
        ...

    @property
    def inputs(self) -> tuple[str, ...]:
        """Full names of the topics it consumes, co-partitioned."""
        ...

    async def start(self) -> None:
        """Once, before the first partition opens."""
        ...

    async def open(self, partition: int, positions: Mapping[str, int]) -> None:
        """The partition is ours; `positions` says per input topic where reading goes on."""
        ...

    async def handle(self, chunk: Chunk) -> None:
        """Decide and write durably; the host commits after it returns."""
        ...

    async def tick(self) -> None:
        """Time passed (the host calls it every 50 ms or so): do for all open partitions what is due."""
        ...

    async def committed(self, topic: str, partition: int, offset: int) -> None:
        """The host committed this far; a stage may forget what only a repeat would need."""
        ...

    async def close(self, partition: int) -> None:
        """The partition goes to another owner, or the host ends: finish or drop, write nothing late."""
        ...

    async def stop(self) -> None:
        """Once, after the last partition closed."""
        ...
