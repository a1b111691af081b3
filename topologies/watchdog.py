"""Ends a worker that lives and does nothing: agents that stopped silently, commits that no longer move.

It looks at two things. The committed offset of a partition that waits for chunks stands still while
the log has more: the host is dead there. The event loop does not turn: a thread of its own sees that.
It counts looks, not seconds on a clock, so that a process which was paused is not taken for a dead one.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Mapping

from octyseg import logs, metrics
from octyseg.hosting.lag import MEASURE_EVERY_S, Lag, Place
from octyseg.log.port import Log

_BEAT_EVERY_S = 0.5
_LOOKS_BEFORE_READING_AGAIN = 2

_logger = logs.get(__name__)


class Watchdog:
    """One host's watchdog, for as long as `run` runs.

    `idle` gives the partitions that have no chunk in hand, `progress` the committed offsets of those that
    are assigned. A stage that waits inside a chunk, for Redis say, is not dead: its own limits apply.
    `read_again` is asked once for a partition that stands still, before patience ends: a rebalance may
    have dropped the very chunk it waits for.
    """

    def __init__(
        self,
        stage: str,
        log: Log,
        *,
        idle: Callable[[], set[int]],
        progress: Callable[[], Mapping[Place, int | None]],
        end: Callable[[str], None],
        read_again: Callable[[Place], Awaitable[None]],
        stall_s: float = 60.0,
        blocked_s: float = 120.0,
    ) -> None:
        self._stage = stage
        self._lag = Lag(stage, log)
        self._idle = idle
        self._progress = progress
        self._end = end
        self._read_again = read_again
        self._looks = max(int(stall_s / MEASURE_EVERY_S), 1)
        self._beats = max(int(blocked_s / _BEAT_EVERY_S), 1)
        self._stalled: dict[Place, tuple[int | None, int]] = {}
        self._missed = 0

    async def run(self) -> None:
        """Look until cancelled."""
        stopped = threading.Event()
        threading.Thread(target=self._watch_loop, args=(stopped,), name="watchdog", daemon=True).start()
        beating = asyncio.create_task(self._beat())
        try:
            while True:
                await asyncio.sleep(MEASURE_EVERY_S)
                await self.look()
        finally:
            stopped.set()
            beating.cancel()

    async def look(self) -> None:
        """Compare committed offsets with the ends; a broker that does not answer is nobody's stall."""
        committed, idle = self._progress(), self._idle()
        behind = await self._lag.measure(committed)
        if behind is None:
            self._stalled.clear()
            return
        for place, offset in committed.items():
            before, looks = self._stalled.get(place, (offset, 0))
            if not behind[place] or offset != before or place[1] not in idle:
                self._stalled[place] = (offset, 0)
                continue
            self._stalled[place] = (offset, looks + 1)
            if looks + 1 == _LOOKS_BEFORE_READING_AGAIN:
                _logger.warning("records wait and none comes, reading again", stage=self._stage, place=place)
                await self._read_again(place)
            if looks + 1 >= self._looks:
                topic, number = place
                self._end(f"{topic}-{number} stands at offset {offset} while {behind[place]} records wait: start again")

    async def _beat(self) -> None:
        """Tell the thread that the loop turns, and measure how late it does."""
        loop = asyncio.get_running_loop()
        while True:
            due_s = loop.time() + _BEAT_EVERY_S
            await asyncio.sleep(_BEAT_EVERY_S)
            self._missed = 0
            metrics.LOOP_LAG_SECONDS.observe(max(loop.time() - due_s, 0.0))

    def _watch_loop(self, stopped: threading.Event) -> None:
        while not stopped.wait(_BEAT_EVERY_S):
            self._missed += 1
            if self._missed >= self._beats:
                self._end(f"the event loop did not turn for {self._missed * _BEAT_EVERY_S:.0f} s: start again")
