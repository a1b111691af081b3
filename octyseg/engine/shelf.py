"""Where a partition keeps its profiles: encoded states, one alarm each, and what changed since a flush.

Decides nothing. An alarm is never later than what is due for its profile; it may be earlier, then the
profile is looked at in vain once. `floor` is the highest sequence of any profile that was forgotten.
"""

import heapq
from collections.abc import Iterable
from typing import NamedTuple

# So many that were overtaken are no reason to look through all of them.
ALARMS_TO_SPARE = 1_000


class Changed(NamedTuple):
    """A profile whose state changed since it was last taken; None: it was forgotten. See `put` for stubs."""

    profile_id: str
    state: bytes | None
    stub: bool


class Shelf:
    """The profiles of one partition by id, as long as the partition has its owner."""

    __slots__ = ("_alarm_of", "_alarms", "_dirty", "_states", "_stubs", "floor")

    def __init__(self) -> None:
        self.floor = 0
        self._states: dict[str, bytes] = {}
        self._alarms: list[tuple[int, str]] = []
        self._alarm_of: dict[str, int] = {}
        self._dirty: set[str] = set()
        self._stubs: set[str] = set()

    def __len__(self) -> int:
        return len(self._states)

    def __contains__(self, profile_id: str) -> bool:
        return profile_id in self._states

    def get(self, profile_id: str) -> bytes | None:
        """The encoded state of a profile."""
        return self._states.get(profile_id)

    def ids(self) -> list[str]:
        """All profiles there are."""
        return list(self._states)

    def put(self, profile_id: str, state: bytes, *, stub: bool = False) -> None:
        """Keep a state; a stub is one that remembers only how far its profile had come when it was erased."""
        self._states[profile_id] = state
        if stub:
            self._stubs.add(profile_id)
        elif self._stubs:
            self._stubs.discard(profile_id)

    def is_stub(self, profile_id: str) -> bool:
        """Whether only an erased profile's last sequence and offset are kept."""
        return profile_id in self._stubs

    def forget(self, profile_id: str, sequence: int) -> None:
        """Drop a profile; the floor keeps its sequence from going back should it return."""
        self.floor = max(self.floor, sequence)
        if self._states.pop(profile_id, None) is not None:
            self._dirty.add(profile_id)
        self._alarm_of.pop(profile_id, None)
        self._stubs.discard(profile_id)

    def mark_dirty(self, profile_ids: Iterable[str]) -> None:
        """These states have to be written by the next flush."""
        self._dirty.update(profile_ids)

    @property
    def dirty(self) -> int:
        """How many states wait to be taken."""
        return len(self._dirty)

    def take_dirty(self, most: int) -> list[Changed]:
        """At most so many changed states."""
        taken = [self._dirty.pop() for _ in range(min(most, len(self._dirty)))]
        return [Changed(one, self._states.get(one), one in self._stubs) for one in taken]

    @property
    def waiting(self) -> int:
        """How many profiles wait for time to do something."""
        return len(self._alarm_of)

    def is_due_by(self, profile_id: str, due_ms: int) -> bool:
        """Whether the profile is looked at by then anyway."""
        return self._alarm_of.get(profile_id, due_ms + 1) <= due_ms

    def schedule(self, profile_id: str, due_ms: int | None) -> None:
        """Have the profile looked at once the clock has passed `due_ms`."""
        if due_ms is None:
            return
        alarm_ms = self._alarm_of.get(profile_id)
        if alarm_ms is None or due_ms < alarm_ms:
            self._alarm_of[profile_id] = due_ms
            heapq.heappush(self._alarms, (due_ms, profile_id))
            if len(self._alarms) > 2 * len(self._alarm_of) + ALARMS_TO_SPARE:
                self._drop_overtaken()

    def _drop_overtaken(self) -> None:
        """Alarms that earlier ones took the place of lie in the heap until their time, a day if they are unlucky."""
        self._alarms = [(due_ms, profile_id) for profile_id, due_ms in self._alarm_of.items()]
        heapq.heapify(self._alarms)

    def next_due(self) -> int | None:
        """The earliest alarm."""
        alarms = self._alarms
        while alarms and self._alarm_of.get(alarms[0][1]) != alarms[0][0]:
            heapq.heappop(alarms)
        return alarms[0][0] if alarms else None

    def pop_due(self, clock_ms: int) -> str | None:
        """The profile of the earliest alarm that the clock has passed; its alarm is gone."""
        alarms, alarm_of = self._alarms, self._alarm_of
        while alarms and alarms[0][0] < clock_ms:
            due_ms, profile_id = heapq.heappop(alarms)
            if alarm_of.get(profile_id) == due_ms:
                del alarm_of[profile_id]
                return profile_id
        return None
