"""Follow one partition from its first record on: all there is now, then what comes.

The way to a topic whose fold is the state of something: definitions, runs.
"""

import asyncio
from collections.abc import Callable

from octyseg.log.port import Log, Reader, Record, read_through

_WAIT_S = 1.0


class Tail:
    """One partition of one topic; `take` is given every record once, in order. From many tasks of one loop."""

    def __init__(self, log: Log, topic: str, partition: int, take: Callable[[Record], None]) -> None:
        self._log = log
        self._topic = topic
        self._partition = partition
        self._take = take
        self._reader: Reader | None = None
        self._position = 0
        # Many may ask at once, and a reader is one task's.
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Take in all there is, then follow."""
        start = (await self._log.starts(self._topic, [self._partition]))[self._partition]
        end = await self._end()
        async for record in read_through(self._log, self._topic, self._partition, start, end):
            self._take(record)
        self._reader = self._log.reader()
        self._reader.seek(self._topic, self._partition, end)
        self._position = end

    async def poll(self) -> None:
        """Take in what was appended since, as far as it has come."""
        async with self._reading:
            await self._read(0)

    async def catch_up(self) -> None:
        """Take in all that was appended before this call."""
        end = await self._end()
        async with self._reading:
            while self._position < end:
                await self._read(_WAIT_S)

    async def close(self) -> None:
        """Stop following."""
        if self._reader is not None:
            await self._reader.close()

    async def _end(self) -> int:
        return (await self._log.ends(self._topic, [self._partition]))[self._partition]

    async def _read(self, wait_s: float) -> None:
        assert self._reader is not None, "start comes first"
        for chunk in await self._reader.read(wait_s):
            for batch in chunk.batches:
                for record in batch:
                    self._take(record)
            self._position = chunk.next_offset
