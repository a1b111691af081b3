"""What is made to go wrong in one worker slot: at the n-th call of the log or the n-th pass of a crash point.

A trigger belongs to the slot, not to the process: it waits for the next process if the present one dies.
"""

from typing import NamedTuple


class Crashed(Exception):
    """The simulated process died here."""


class Trigger(NamedTuple):
    """`what` is a call of the log on a topic, like `append outcomes`, or a crash point.

    `effect` is crash, refuse (LogUnavailable, nothing was done), lose (done, but LogUnavailable), cancel
    (the host's revocation, before anything was done), pause (the process stops here until it is resumed;
    meanwhile its partitions go to another).
    """

    what: str
    nth: int
    effect: str


class Armed:
    """The triggers of one slot."""

    def __init__(self):
        self._left: list[list] = []

    def arm(self, trigger):
        self._left.append([trigger.what, trigger.nth, trigger.effect])

    def disarm(self):
        self._left.clear()

    def due(self, what):
        """The effect of the trigger that is due now, None mostly."""
        for waiting in self._left:
            if waiting[0] == what:
                waiting[1] -= 1
                if waiting[1] <= 0:
                    self._left.remove(waiting)
                    return waiting[2]
        return None
