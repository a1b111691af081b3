"""How many members each segment has, told to operators: Prometheus keeps what it was before.

Of all workers only the one that has the first partition tells, so that a sum over workers is no nonsense.
"""

from collections.abc import Mapping

from octyseg import metrics
from octyseg.model.definitions.registry import Registry

TELLING_PARTITION = 0


class Sizes:
    """What this process tells; `withdraw` when it is another's turn."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, registry: Registry, members: Mapping[str, int]) -> None:
        """Of the segments in force, by what is counted of each that has any."""
        told = {segment.name: members.get(segment.segment_id, 0) for segment in registry.active()}
        self._forget(self._told - told.keys())
        for name, count in told.items():
            metrics.SEGMENT_MEMBERS.labels(name).set(count)
        self._told = set(told)

    def withdraw(self) -> None:
        """Tell nothing any more: what was told last would stay for ever."""
        self._forget(self._told)
        self._told = set()

    @staticmethod
    def _forget(names: set[str]) -> None:
        for name in names:
            metrics.SEGMENT_MEMBERS.remove(name)
