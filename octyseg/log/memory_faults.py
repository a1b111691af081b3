"""What goes wrong in the memory log, drawn from one random.Random, so that a seed repeats a failure.

The log asks `before` a call has any effect and `after` it had its effect and before it is answered;
either may raise. It must not know stages: where a simulated process dies is the simulation's affair,
which may give a subclass that raises whatever it likes at the n-th call.
"""

from random import Random
from typing import Literal

from octyseg.errors import LogUnavailable

Call = Literal["append", "commit", "committed", "ends", "starts", "read"]


class Faults:
    """Faults that never happen; the questions that a kind of faults answers."""

    def before(self, call: Call, topic: str) -> None:
        """Nothing of the call has happened: raise to refuse it."""

    def after(self, call: Call, topic: str) -> None:
        """All of the call has happened: raise to lose its answer."""

    def limit(self, available: int) -> int:
        """How many of the available records (at least one) the read of a partition brings."""
        return available


class SeededFaults(Faults):
    """Each call fails with fixed probabilities; reads may bring less than there is.

    `refused` is the share of calls that fail before they did anything, `lost` of appends and commits
    that are stored although the caller is told LogUnavailable, `short` of reads that are cut.
    """

    def __init__(self, random: Random, *, refused: float = 0.0, lost: float = 0.0, short: float = 0.0) -> None:
        self._random = random
        self._refused = refused
        self._lost = lost
        self._short = short

    def before(self, call: Call, topic: str) -> None:
        """Refuse a share of all calls."""
        if self._refused and self._random.random() < self._refused:
            msg = f"{call} on {topic or 'the assigned partitions'}: simulated, refused before anything was done"
            raise LogUnavailable(msg)

    def after(self, call: Call, topic: str) -> None:
        """Lose the answer of a share of the calls that wrote something."""
        if self._lost and call in {"append", "commit"} and self._random.random() < self._lost:
            msg = f"{call} on {topic}: simulated, stored but the acknowledgement was lost"
            raise LogUnavailable(msg)

    def limit(self, available: int) -> int:
        """Cut a share of the reads at a random length."""
        if self._short and available > 1 and self._random.random() < self._short:
            return self._random.randint(1, available)
        return available
