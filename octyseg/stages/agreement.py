"""Whether stream and history agree on the members of dynamic segments, on a log that is at work.

Both are asked as of the same events. While time passes between the two questions a window may end, so what differs
is asked once more, and only what differs both times is told.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from octyseg.errors import OctysegError
from octyseg.history.evaluate import Asked, evaluate
from octyseg.log.port import Log
from octyseg.model.segment import Segment
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.fold import fold
from octyseg.stages.hindsight import Hindsight
from octyseg.stages.members import members_in
from octyseg.stages.slices import PastConfig

LOOK_AGAIN_S = 0.25
# Between the two questions: longer than the live stage takes to tell what time did.
APART_S = 1.0


class Difference(NamedTuple):
    """A profile that only one of the two has for a member."""

    segment_id: str
    profile_id: str
    in_stream: bool


class Compared(NamedTuple):
    """How many memberships were compared, and where the two differ."""

    memberships: int
    differences: list[Difference]


class Agreement:
    """Asks both, partition by partition."""

    def __init__(
        self,
        log: Log,
        topic: Callable[[str], str],
        follower: CatalogFollower,
        config: PastConfig,
        wall_ms: Callable[[], int],
    ) -> None:
        self._log = log
        self._topic = topic
        self._follower = follower
        self._config = config
        self._grace_ms = config.grace_ms
        self._wall_ms = wall_ms
        self._past = Hindsight(log, topic("events"), config.directory, config.future_ms)

    async def compare(self, partition: int) -> Compared:
        """Where stream and history differ, twice."""
        count, first = await self._compare(partition)
        if not first:
            return Compared(count, [])
        await asyncio.sleep(APART_S)
        count, second = await self._compare(partition)
        return Compared(count, sorted(first & second))

    async def _compare(self, partition: int) -> tuple[int, set[Difference]]:
        end = (await self._log.ends(self._topic("events"), [partition]))[partition]
        await self._until_handled(partition, end)
        as_of_ms = self._wall_ms() - self._grace_ms
        await self._follower.catch_up()
        folded = await fold(self._log, self._config.namespace, partition)
        segments = [
            one
            for one in self._follower.catalog.segments.values()
            if one.segment_type == "dynamic"
            and not one.deleted
            and (adopted := folded.adopted.get(one.segment_id)) is not None
            and adopted.ready_offset >= 0
        ]
        while (comparable := [one for one in segments if _asks_within(one, segments)]) != segments:
            segments = comparable
        asked = [Asked(one.segment_id, None, one.rule) for one in segments]
        async with self._past.as_of(partition, as_of_ms, end) as history:
            told = await asyncio.to_thread(evaluate, asked, history, as_of_ms, self._config.engine)
        streamed = await members_in(folded, self._follower.catalog, told)
        found = {
            Difference(segment_id, profile_id, profile_id in streamed[segment_id])
            for segment_id, members in told.items()
            for profile_id in streamed[segment_id].symmetric_difference(members)
        }
        return sum(map(len, streamed.values())), found

    async def _until_handled(self, partition: int, end: int) -> None:
        """Until the live stage has committed what is compared."""
        topic, deadline_s = self._topic("events"), time.monotonic() + self._config.patience_s
        while ((await self._log.committed(self._config.live_group, topic, [partition]))[partition] or 0) < end:
            if time.monotonic() >= deadline_s:
                msg = f"partition {partition}: the live stage does not come to the end of its events: look at its lag"
                raise OctysegError(msg)
            await asyncio.sleep(LOOK_AGAIN_S)


def _asks_within(segment: Segment, others: Sequence[Segment]) -> bool:
    """Whether history can tell: a segment that asks for a live or static one is the stream's alone."""
    asked = Asked(segment.segment_id, None, segment.rule).segments()
    return {one.segment_id for one in others}.issuperset(asked)
