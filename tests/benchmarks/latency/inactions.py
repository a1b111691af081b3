"""Logins without a logout: how long after deadline and grace the change arrives on `tags`.

Every second profile logs out in time and must not appear. The second measurement stops the detecting
worker while deadlines fall due and logouts come, and counts from its return.
"""

import asyncio
import time
from typing import Any

from octyseg.model.change import PublicChange
from octyseg.traffic.event import TrafficEvent, writer
from tests.benchmarks.latency.figures import spread
from tests.benchmarks.latency.scene import Scene

FRAME_S = 3.0
LOT_S = 0.05
LOGOUT_AFTER_S = 1.0
DEADLINE_S = 120.0


class Logins:
    """Makes logins and logouts; knows who has to appear, who must not, and when each did."""

    def __init__(self, scene: Scene, rate_per_s: int, name: str) -> None:
        self._scene = scene
        self._lot = max(2, round(rate_per_s * LOT_S))
        self._write = writer(time.time_ns() & 0xFFFFFFFF)
        self._name = name
        self._number = 0
        self._due_s: dict[str, float] = {}
        self._changed_s: dict[str, float] = {}
        self.false = 0
        scene.on_change = self._on_change

    async def go_on(self, seconds: float) -> None:
        """So many seconds of logins; every second visitor logs out a second later."""
        begun_s = time.monotonic()
        leaving: list[tuple[float, list[str]]] = []
        sending = set()
        for lot in range(round(seconds / LOT_S)):
            await asyncio.sleep(max(begun_s + lot * LOT_S - time.monotonic(), 0))
            names = [f"{self._name}{self._number + one}" for one in range(self._lot)]
            self._number += self._lot
            now_s = time.time_ns() // 1_000_000 / 1000
            self._due_s |= dict.fromkeys(names[::2], now_s + FRAME_S + self._grace_s)
            events = [self._event(now_s, name, "login") for name in names]
            leaving.append((now_s + LOGOUT_AFTER_S, names[1::2]))
            while leaving and leaving[0][0] <= now_s:
                events += [self._event(now_s, name, "logout") for name in leaving.pop(0)[1]]
            sending.add(asyncio.create_task(self._scene.append(events)))
        await asyncio.gather(*sending)
        now_s = time.time_ns() // 1_000_000 / 1000
        await self._scene.append([self._event(now_s, name, "logout") for _, names in leaving for name in names])

    async def all_appeared(self) -> None:
        """Until everybody who has to appear has."""
        deadline_s = time.monotonic() + DEADLINE_S
        while self._due_s.keys() - self._changed_s.keys():
            assert time.monotonic() < deadline_s, f"{len(self._due_s.keys() - self._changed_s.keys())} never appeared"
            await asyncio.sleep(0.05)

    def lateness(self, not_before_s: float = 0.0) -> list[float]:
        """Of each, against its deadline and grace, or against a later instant at which all began anew."""
        return [self._changed_s[name] - max(due_s, not_before_s) for name, due_s in self._due_s.items()]

    @property
    def early(self) -> int:
        """How many appeared before deadline and grace were over."""
        return sum(lateness_s < 0 for lateness_s in self.lateness())

    @property
    def last_due_s(self) -> float:
        """When the last deadline and its grace are over."""
        return max(self._due_s.values())

    @property
    def _grace_s(self) -> float:
        return self._scene.settings.grace_ms / 1000

    def _event(self, now_s: float, name: str, event_type: str) -> TrafficEvent:
        return self._write(round(now_s * 1000), name, event_type, {"device": "mobile"})

    def _on_change(self, change: PublicChange, changed_s: float) -> None:
        if change.profile_id.startswith(self._name):
            self.false += change.profile_id not in self._due_s
            self._changed_s.setdefault(change.profile_id, changed_s)


async def measure(scene: Scene, rate_per_s: int, seconds: float) -> dict[str, Any]:
    """Logins for so long while everything runs."""
    logins = Logins(scene, rate_per_s, "running")
    await logins.go_on(seconds)
    await logins.all_appeared()
    return {"rate_per_s": rate_per_s, "early": logins.early, "false": logins.false} | spread(logins.lateness())


async def measure_return(scene: Scene, rate_per_s: int, pause_s: float) -> dict[str, Any]:
    """Logins while the detecting worker is away; from its return, or the deadline when that comes later."""
    logins = Logins(scene, rate_per_s, "away")
    await asyncio.to_thread(scene.end, scene.detector)
    left_s = time.monotonic()
    await logins.go_on(max(pause_s - FRAME_S - LOGOUT_AFTER_S - scene.settings.grace_ms / 1000, 1.0))
    await asyncio.sleep(max(left_s + pause_s - time.monotonic(), 0))
    returned_s = time.time()
    scene.start(scene.detector)
    await logins.all_appeared()
    found = spread(logins.lateness(returned_s))
    return {"pause_s": pause_s, "early": logins.early, "false": logins.false} | found
