"""Sees that another process runs under our instance id, from what the group does to us.

Two members with one instance id take each other's place for ever: the one that was put out comes back
into the very generation that it was in. Claims in the log find twins too, but only some stages claim.
"""

from collections.abc import Callable

# Once or twice may be a broker that was slow to hear us. The older twin is put out first, and so ends first.
_RETURNS = 2
_QUIET_S = 60.0


class TwinWatch:
    """Told of every assignment; asked, when the group has put us out, whether that was a twin."""

    def __init__(self, instance_id: str, monotonic: Callable[[], float]) -> None:
        self.message = (
            f"another process runs as {instance_id}: this one ends; "
            "give every worker its own OCTYSEG_INSTANCE_ID or --slot"
        )
        self._monotonic = monotonic
        self._generation = 0
        self._returns = 0
        self._assigned_s = 0.0

    def on_assigned(self, generation: int) -> None:
        """We are in this generation now."""
        now_s = self._monotonic()
        returned = generation == self._generation and now_s - self._assigned_s < _QUIET_S
        self._returns = self._returns + 1 if returned else 0
        self._generation = generation
        self._assigned_s = now_s

    def is_there(self) -> bool:
        """Whether being put out now is one time too many."""
        return self._returns >= _RETURNS and self._monotonic() - self._assigned_s < _QUIET_S
