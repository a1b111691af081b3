"""How far each stage is behind the log, and whether it moves: by several looks at what it committed.

    OK      at one of the looks nothing was waiting, or the lag became less
    WARN    it moves, and the lag never became less: records come as fast as they are read, or faster
    STOP    records wait and nothing is committed
    REWIND  the committed offset went back

After Burrow's rules (https://github.com/linkedin/Burrow/wiki/Consumer-Lag-Evaluation-Rules). Burrow also tells a
consumer that commits the same offset again from one that commits no more; workers commit only what is new.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from typing import Literal, NamedTuple, get_args

from octyseg.hosting.assembly import INPUTS
from octyseg.hosting.runner import group_of
from octyseg.log.port import Log
from octyseg.settings import Settings
from octyseg.stages.port import StageName

LOOKS = 6
STAGES: tuple[StageName, ...] = get_args(StageName)

Status = Literal["OK", "WARN", "STOP", "REWIND"]
# From what needs nobody to what needs somebody soon.
STATUSES: tuple[Status, ...] = ("OK", "WARN", "STOP", "REWIND")


class Look(NamedTuple):
    """What a group had committed (nothing yet: where the log begins), and where the log ended."""

    committed: int
    end: int

    @property
    def lag(self) -> int:
        """Records that wait."""
        return max(self.end - self.committed, 0)


class Standing(NamedTuple):
    """One stage on one partition of one of its topics, at the last look; `records_per_s` were committed meanwhile."""

    stage: StageName
    topic: str
    partition: int
    committed: int
    end: int
    lag: int
    records_per_s: float
    status: Status


class Total(NamedTuple):
    """One stage on all partitions of one of its topics: sums, the largest lag, and the worst status."""

    stage: StageName
    topic: str
    partitions: int
    lag: int
    most: int
    records_per_s: float
    status: Status


def judge(looks: Sequence[Look]) -> Status:
    """What the looks mean together; at least two of them, evenly spread."""
    steps = list(pairwise(looks))
    if any(after.committed < before.committed for before, after in steps):
        return "REWIND"
    if any(look.lag == 0 for look in looks):
        return "OK"
    if looks[-1].committed == looks[0].committed:
        return "STOP"
    return "WARN" if all(after.lag >= before.lag for before, after in steps) else "OK"


async def standings(
    log: Log,
    settings: Settings,
    stages: Collection[StageName],
    for_s: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> list[Standing]:
    """All partitions of all inputs of these stages, looked at for so many seconds, more than none."""
    places = [(stage, settings.topic(name)) for stage in stages for name in INPUTS[stage]]
    seen = [await _look(log, settings, places)]
    for _ in range(LOOKS - 1):
        await sleep(for_s / (LOOKS - 1))
        seen.append(await _look(log, settings, places))
    found = []
    for place, last in seen[-1].items():
        looks = [one[place] for one in seen]
        pace = max(last.committed - looks[0].committed, 0) / for_s
        found.append(Standing(*place, last.committed, last.end, last.lag, round(pace, 1), judge(looks)))
    return found


def totals(found: Iterable[Standing]) -> Iterator[Total]:
    """One for each stage and topic, in the order in which they come."""
    for (stage, topic), group in groupby(found, key=lambda one: (one.stage, one.topic)):
        each = list(group)
        lags = [one.lag for one in each]
        pace = round(sum(one.records_per_s for one in each), 1)
        worst = max((one.status for one in each), key=STATUSES.index)
        yield Total(stage, topic, len(each), sum(lags), max(lags), pace, worst)


async def _look(
    log: Log, settings: Settings, places: Sequence[tuple[StageName, str]]
) -> dict[tuple[StageName, str, int], Look]:
    found = {}
    for stage, topic in places:
        numbers = range(await log.partitions(topic))
        starts = await log.starts(topic, numbers)
        committed = await log.committed(group_of(settings.namespace, stage), topic, numbers)
        # Last: what was committed lies before it then.
        _, ends = await log.ends_as_of([topic], numbers)
        for number in numbers:
            found[stage, topic, number] = Look(max(committed[number] or 0, starts[number]), ends[topic, number])
    return found
