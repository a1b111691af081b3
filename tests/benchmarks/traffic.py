"""The events and definitions that every row works on: the traffic of a shop, evenly spread.

18 of 100 events are of types that the ten definitions name. Their times end shortly before now, because
arrival is the broker's time and events older than two hours are history.
"""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from octyseg.model.definitions.compile import compile_definitions
from octyseg.model.definitions.reading.loading import load_definitions
from octyseg.model.placement import partition_of
from octyseg.model.segment import DAY_MS, MINUTE_MS, Every, Negated, Performed, Rule, Segment, Step
from octyseg.traffic.event import TrafficEvent
from octyseg.traffic.uniform import uniform

DEFINITIONS = Path(__file__).with_name("definitions.yaml")
PROFILES = 100_000
SPAN_MS = 10 * MINUTE_MS
SEED = 20
# In these proportions, in this order, over and over.
RELEVANT_TYPES = (
    "login",
    "checkout_started",
    "login",
    "order_completed",
    "login",
    "support_called",
    "checkout_started",
    "plan_viewed",
    "login",
    "cancelled",
)


def events(count: int, relevant_types: Sequence[str] = RELEVANT_TYPES) -> Iterator[TrafficEvent]:
    """The traffic of the last ten minutes, in the order of time."""
    start_ms = time.time_ns() // 1_000_000 - SPAN_MS
    return uniform(PROFILES, count, count / (SPAN_MS / 1000), SEED, start_ms, relevant_types=relevant_types)


def placed(count: int, partitions: int) -> Iterator[tuple[int, TrafficEvent]]:
    """The traffic with each event's partition."""
    places: dict[str, int] = {}
    for event in events(count):
        place = places.get(event.profile_id)
        if place is None:
            place = places[event.profile_id] = partition_of(event.profile_id, partitions)
        yield place, event


def segments() -> tuple[Segment, ...]:
    """The ten definitions as the engine reads them."""
    return compile_definitions(load_definitions(DEFINITIONS).segments)


def crowd(count: int) -> tuple[Segment, ...]:
    """So many action-and-inaction segments, ten on each pair of types; the first ten are on types of the traffic."""
    made = []
    for number in range(count):
        group, place = divmod(number, 10)
        first, then = ("login", "order_completed") if group == 0 else (f"opened_{group}", f"closed_{group}")
        step = Step(first, {"category": "shoes", "price": float(place)}, 30 * MINUTE_MS)
        if place == 0:
            step = Step(first, {"device": "tablet"}, 30 * MINUTE_MS)
        steps = (step, Step(then, inaction=True))
        made.append(Segment(f"segment_{number:08x}", f"Crowd {number}", 1, "live", sub_type=2, steps=steps))
    return tuple(made)


def dynamic(count: int) -> tuple[Segment, ...]:
    """So many dynamic segments on the types of the traffic, about as choosy as the ten live ones.

    Counts in windows of days, two thirds of them with properties, a third without something else since.
    """
    types = tuple(dict.fromkeys(RELEVANT_TYPES))
    wanted = ({"device": "mobile"}, {"category": "shoes"}, {"device": "tablet", "category": "garden"}, {})
    made = []
    for number in range(count):
        first, then = types[number % len(types)], types[(number + 1) % len(types)]
        properties = wanted[number % len(wanted)]
        often = Performed(
            0, first, properties, 1 + (number + (not properties)) % 4, within_ms=(1 + number % 60) * DAY_MS
        )
        seldom = Performed(1, then, wanted[(number + 1) % len(wanted)], within_ms=(1 + number % 7) * DAY_MS)
        rule: Rule = (often, Every((often, Negated(seldom))), Every((often, seldom)))[number % 3]
        made.append(Segment(f"segment_{number:08x}", f"Dynamic {number}", 1, "dynamic", rule=rule))
    return tuple(made)
