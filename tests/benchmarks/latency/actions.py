"""Events at an even rate, purchases among them, which all match: from arrival in the log to the change on `tags`.

Both are the log's own stamps, whole milliseconds, so a latency is told up to a millisecond too long or too short.
A lot of events goes out when it is due, whether or not the one before it was acknowledged.
"""

import asyncio
import time
from typing import Any

from octyseg.model.change import PublicChange
from octyseg.traffic.event import TrafficEvent, profile_name, writer
from tests.benchmarks.latency.figures import spread
from tests.benchmarks.latency.scene import DEADLINE_S, Scene

PROFILES = 10_000
LOT_S = 0.01
WARM_UP_S = 5.0
# A broker's compiler takes a processor for most of its first minute under load.
WARM_UP_OF_KAFKA_S = 45.0


class Purchases:
    """Makes events, every so many of them a purchase; remembers when each arrived and when its change did."""

    def __init__(self, scene: Scene, rate_per_s: int, every: int) -> None:
        self._scene = scene
        self._every = every
        self._lot = max(1, round(rate_per_s * LOT_S))
        self._write = writer(time.time_ns() & 0xFFFFFFFF)
        self._number = 0
        self._arrived_s: dict[str, float] = {}
        self._changed_s: dict[str, float] = {}
        scene.on_change = self._on_change

    async def warm_up(self) -> None:
        """Until the changes of one purchase of each partition can be read, and a few seconds more."""
        deadline_s = time.monotonic() + DEADLINE_S
        while len(self._changed_s) < self._scene.settings.partitions:
            assert time.monotonic() < deadline_s, "no change came: do the workers run?"
            await self._send(self._scene.settings.partitions)
            await asyncio.sleep(0.2)
        await self.go_on(WARM_UP_S if self._scene.settings.embedded_file else WARM_UP_OF_KAFKA_S)
        self._arrived_s.clear()
        self._changed_s.clear()

    async def go_on(self, seconds: float) -> None:
        """So many seconds of purchases, and the wait for their changes."""
        sending = set()
        begun_s = time.monotonic()
        for lot in range(round(seconds / LOT_S)):
            await asyncio.sleep(max(begun_s + lot * LOT_S - time.monotonic(), 0))
            task = asyncio.create_task(self._send(self._lot))
            sending.add(task)
            task.add_done_callback(sending.discard)
        await asyncio.gather(*sending)
        deadline_s = time.monotonic() + DEADLINE_S
        while self._arrived_s.keys() - self._changed_s.keys():
            assert time.monotonic() < deadline_s, "purchases were lost"
            await asyncio.sleep(0.05)

    def figures(self) -> dict[str, Any]:
        """The latencies of all purchases since the warm-up."""
        return spread([self._changed_s[event_id] - arrived_s for event_id, arrived_s in self._arrived_s.items()])

    async def _send(self, count: int) -> None:
        events: list[TrafficEvent] = []
        for _ in range(count):
            self._number += 1
            name = profile_name(self._number % PROFILES)
            kind = "product_viewed" if self._number % self._every else "order_completed"
            events.append(self._write(time.time_ns() // 1_000_000, name, kind, {"total": 10}))
        for event, told in await self._scene.append(events):
            if b"order_completed" in event.line:
                self._arrived_s[_id_in(event.line)] = told.timestamp / 1000

    def _on_change(self, change: PublicChange, changed_s: float) -> None:
        for event_id in change.cause:
            self._changed_s.setdefault(event_id, changed_s)


async def measure(scene: Scene, rate_per_s: int, seconds: float, *, every: int = 1) -> dict[str, Any]:
    """Events for so long, one in `every` a purchase."""
    purchases = Purchases(scene, rate_per_s, every)
    await purchases.warm_up()
    await purchases.go_on(seconds)
    return {"rate_per_s": rate_per_s} | purchases.figures()


def _id_in(line: bytes) -> str:
    """The id stands first in a line of made-up traffic."""
    return line.split(b'"', 4)[3].decode()
