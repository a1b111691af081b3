"""Readers of the embedded log, and the watch that wakes them.

Decides when a reader looks at the file: at once when this process appended beyond one of its
positions, within about 10 ms when another process did, or 50 ms after a second in which nothing happened.
What a look brings is decided in embedded_reading.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence

from octyseg.errors import OctysegError
from octyseg.log.embedded_reading import Fetched, Place
from octyseg.log.port import Chunk

_POLL_S = 0.010
# A look takes a third of a millisecond of a processor, most of it for the way to the thread and back.
_QUIET_POLL_S = 0.050
_LOOKS_UNTIL_QUIET = 100


class Watch:
    """Which partitions have grown; shared by all readers of one open log.

    `ask_version` answers another number when the file was changed, `ask_ends` the ends of partitions.
    """

    def __init__(
        self,
        ask_version: Callable[[], Awaitable[int]],
        ask_ends: Callable[[Collection[Place]], Awaitable[Mapping[Place, int]]],
    ) -> None:
        self._ask_version = ask_version
        self._ask_ends = ask_ends
        self._ends: dict[Place, int] = {}
        self._waiting: dict[asyncio.Future[None], Mapping[Place, int]] = {}
        self._version: int | None = None
        self._poller: asyncio.Task[None] | None = None

    def moved(self, ends: Mapping[Place, int]) -> None:
        """Take note of ends and wake who waits for them."""
        known = self._ends
        for place, end in ends.items():
            if end > known.get(place, -1):
                known[place] = end
        for future, positions in self._waiting.items():
            if not future.done() and self._is_behind(positions):
                future.set_result(None)

    def look_again(self, positions: Mapping[Place, int]) -> None:
        """Wake who waits with these positions, because they changed: what is known may be older than they are."""
        for future, waiting in self._waiting.items():
            if waiting is positions and not future.done():
                future.set_result(None)

    async def news(self, positions: Mapping[Place, int], wait_s: float) -> None:
        """Return when one of the partitions has grown beyond its position or was never looked at, or the time is over.

        `positions` may change meanwhile; whoever changes it calls `look_again`.
        """
        if self._is_behind(positions):
            return
        future = asyncio.get_running_loop().create_future()
        self._waiting[future] = positions
        # What another process appended between the reader's own look and now must not be missed.
        self._version = None
        if self._poller is None:
            self._poller = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(wait_s):
                await future
        except TimeoutError:
            pass
        finally:
            del self._waiting[future]

    async def close(self) -> None:
        """Wake everyone and poll no more."""
        for future in self._waiting:
            if not future.done():
                future.set_result(None)
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.wait([self._poller])

    def _is_behind(self, positions: Mapping[Place, int]) -> bool:
        ends = self._ends
        return any(place not in ends or ends[place] > position for place, position in positions.items())

    async def _poll(self) -> None:
        """Look at the file's version while anyone waits, at the ends only when it is another one."""
        last, quiet = None, 0
        try:
            while self._waiting:
                seen = self._version
                version = await self._ask_version()
                if version != seen:
                    self._version = version
                    self.moved(await self._ask_ends({place for waiter in self._waiting.values() for place in waiter}))
                quiet = quiet + 1 if version == last else 0
                last = version
                await asyncio.sleep(_POLL_S if quiet < _LOOKS_UNTIL_QUIET else _QUIET_POLL_S)
        except OctysegError as failure:
            for future in self._waiting:
                if not future.done():
                    future.set_exception(failure)
        finally:
            self._poller = None


class EmbeddedReader:
    """A reader with positions of its own, for one task; lives until its log or itself is closed."""

    def __init__(self, fetch: Callable[[Sequence[tuple[Place, int]]], Awaitable[Fetched]], watch: Watch) -> None:
        self._fetch = fetch
        self._watch = watch
        self._positions: dict[Place, int] = {}

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read on from here."""
        self._positions[topic, partition] = offset
        self._watch.look_again(self._positions)

    def drop(self, topic: str, partition: int) -> None:
        """Stop reading the partition."""
        self._positions.pop((topic, partition), None)

    async def read(self, wait_s: float) -> list[Chunk]:
        """Chunks of any assigned partitions; waits only when the file holds nothing for them."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + wait_s
        while True:
            if self._positions:
                asked = list(self._positions.items())
                fetched = await self._fetch(asked)
                self._watch.moved(fetched.ends)
                if chunks := self._take(asked, fetched):
                    return chunks
            left_s = deadline - loop.time()
            if left_s <= 0:
                return []
            await self._watch.news(self._positions, left_s)

    async def close(self) -> None:
        """Forget every position."""
        self._positions.clear()

    def _take(self, asked: Sequence[tuple[Place, int]], fetched: Fetched) -> list[Chunk]:
        """Chunks of partitions that are still where they were when asked; their turn comes last next time."""
        chunks = []
        for place, position in asked:
            chunk = fetched.chunks.get(place)
            if chunk is not None and self._positions.get(place) == position:
                del self._positions[place]
                self._positions[place] = chunk.next_offset
                chunks.append(chunk)
        return chunks
