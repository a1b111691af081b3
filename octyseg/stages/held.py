"""One partition in the hands of the live stage, from its opening to its close."""

import asyncio

from msgspec import Struct

from octyseg.engine.partition import Partition
from octyseg.stages.flush import Flush
from octyseg.stages.ownership import Ownership


class Held(Struct, eq=False):
    """Who holds `lock` may feed and write; `positions` are the offsets handled up to, not fetched, by topic."""

    number: int
    engine: Partition
    ownership: Ownership
    flush: Flush
    lock: asyncio.Lock
    positions: dict[str, int]
    flushed_s: float
    flushing: asyncio.Task[None] | None = None
