"""The named instants between two durable effects at which a process may die.

A stage passes each on its way; in production nothing listens. The simulation raises there, and the
fault tests kill the process there, at every one of them.
"""

from collections.abc import Callable
from typing import Literal

CrashPoint = Literal[
    "live.claimed",
    "live.restored",
    "live.adopted",
    "live.decided",
    "live.deadlettered",
    "live.sent",
    "live.written",
    "live.ticked",
    "flush.taken",
    "flush.floor_written",
    "flush.states_written",
    "flush.marked",
    "tags.read",
    "tags.published",
    "projection.read",
    "projection.applied",
    "archive.file_written",
    "archive.files_written",
    "archive.reached",
    "past.demanded",
    "past.ordered",
    "past.filled",
    "past.carried_out",
    "past.reported",
    "webhooks.recorded",
    "webhooks.settled",
    "webhooks.scheduled",
    "webhooks.put",
]

Pass = Callable[[CrashPoint], None]


def pass_by(_point: CrashPoint) -> None:
    """Nobody listens."""
