"""The traffic of a shop: visitors come, think, buy or leave, and some come back to what they left.

Decides whose session begins when. As many sessions are open at a time as the asked rate needs at a
human pace; where that would be more than a quarter of all profiles, pauses shrink instead.
"""

from collections.abc import Iterator
from heapq import heapify, heappop, heappush, heapreplace
from random import Random

from octyseg.traffic.event import TrafficEvent, profile_name, writer
from octyseg.traffic.sessions import Step, products, session

# The mean pause after a step is that of the table below times the mean pace of a session's steps.
_PAUSES = 4096
_MEDIAN_PAUSE_MS = 9_000.0
_PAUSE_SIGMA = 0.9
_MEAN_PACE = 0.9
_MOST_OPEN = 20_000
# Who comes back does so after as long as this many pauses, typically a quarter of an hour; so many may be awaited.
_BACK_PAUSES = 100
_MOST_AWAITED = 50_000
# Four of five visitors are anyone; the fifth is one of the few who always come (rank r with weight 1/r).
_ANYONE = 0.8


def store(profiles: int, events: int, rate_per_s: float, seed: int, start_ms: int) -> Iterator[TrafficEvent]:
    """Events in the order of time, about `rate_per_s` of them a second, the same for the same arguments."""
    random = Random(seed)  # noqa: S311 - a seed must repeat the traffic
    write = writer(seed)
    visitors = _Visitors(random, profiles)
    pauses = [random.lognormvariate(0.0, _PAUSE_SIGMA) * _MEDIAN_PAUSE_MS for _ in range(_PAUSES)]
    mean_pause_ms = sum(pauses) / _PAUSES * _MEAN_PACE
    wanted = rate_per_s * mean_pause_ms / 1000
    count = max(1, min(round(wanted), profiles // 4, _MOST_OPEN))
    pauses = [pause * count / wanted for pause in pauses]
    # Each open session is a tuple of its next instant, a number that settles ties, who, and the steps left, last first.
    opened: list[tuple[float, int, str, list[Step]]] = []
    # Whoever looks in at any moment looks into a long pause more likely than into a short one.
    for number, pause in enumerate(random.choices(pauses, weights=pauses, k=count)):
        who, steps = visitors.next_session(start_ms)
        # The traffic is as if it had always been there: each visitor is somewhere in the middle.
        del steps[random.randrange(1, len(steps) + 1) :]
        opened.append((start_ms + random.random() * pause, number, who, steps))
    heapify(opened)
    for _ in range(events):
        instant, number, who, steps = opened[0]
        event_type, properties, pace = steps.pop()
        yield write(int(instant), who, event_type, properties)
        pause = pauses[random.getrandbits(12)]
        if not steps:
            visitors.leave(who, instant + _BACK_PAUSES * pause)
            who, steps = visitors.next_session(instant)
        heapreplace(opened, (instant + pause * pace, number, who, steps))


class _Visitors:
    """Who comes next, and with what in mind; knows who was here before and who will be back."""

    def __init__(self, random: Random, profiles: int) -> None:
        self._random = random
        self._profiles = profiles
        self._goods = products(random)
        self._seen = bytearray(profiles)
        self._intents: dict[str, list[Step]] = {}
        self._awaited: list[tuple[float, str, list[Step]]] = []

    def next_session(self, instant: float) -> tuple[str, list[Step]]:
        """A visitor and the steps of the session, last first."""
        if self._awaited and self._awaited[0][0] <= instant:
            _, who, steps = heappop(self._awaited)
            return who, steps
        chance = self._random.random
        anyone = chance() < _ANYONE
        number = int(self._profiles * chance()) if anyone else int((self._profiles + 1) ** chance()) - 1
        who = profile_name(number)
        visit = session(self._random, self._goods, returning=bool(self._seen[number]))
        self._seen[number] = 1
        if visit.later:
            self._intents[who] = visit.later[::-1]
        return who, visit.steps[::-1]

    def leave(self, who: str, back_at: float) -> None:
        """A session ended; who has something left to do will be awaited."""
        steps = self._intents.pop(who, None)
        if steps is not None and len(self._awaited) < _MOST_AWAITED:
            heappush(self._awaited, (back_at, who, steps))
