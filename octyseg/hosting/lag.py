"""How many records of each partition a host has not committed yet: what operators watch first."""

from collections.abc import Mapping

from octyseg import metrics
from octyseg.errors import LogUnavailable
from octyseg.log.port import Log

MEASURE_EVERY_S = 5.0

Place = tuple[str, int]


class Lag:
    """The lag of one stage in this process, from the first measure to the process' end."""

    def __init__(self, stage: str, log: Log) -> None:
        self._stage = stage
        self._log = log
        self._told: set[Place] = set()

    async def measure(self, committed: Mapping[Place, int | None]) -> dict[Place, int] | None:
        """Records behind the committed offsets of all places there are; None while the log does not answer.

        A place that is not among them any more is another process' to tell of: what was told here would
        stand still, and look like a partition that nobody reads.
        """
        try:
            ends = await self._ends(committed)
        except LogUnavailable:
            return None
        behind = {place: max(ends[place] - (offset or 0), 0) for place, offset in committed.items()}
        for place in self._told - behind.keys():
            metrics.LAG_RECORDS.remove(self._stage, *place)
        for place, records in behind.items():
            metrics.LAG_RECORDS.labels(self._stage, *place).set(records)
        self._told = set(behind)
        return behind

    async def _ends(self, places: Mapping[Place, int | None]) -> dict[Place, int]:
        topics = sorted({topic for topic, _ in places})
        numbers = sorted({number for _, number in places})
        if not numbers:
            return {}
        _, ends = await self._log.ends_as_of(topics, numbers)
        return ends
