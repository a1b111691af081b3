"""The patterns of made-up traffic by name, for commands that take one."""

from collections.abc import Iterator
from typing import Literal

from octyseg.errors import UsageError
from octyseg.traffic.event import TrafficEvent
from octyseg.traffic.store import store
from octyseg.traffic.uniform import uniform

Pattern = Literal["store", "uniform"]

_PATTERNS = {"store": store, "uniform": uniform}


def simulate(
    profiles: int, events: int, rate_per_s: float, seed: int, start_ms: int, *, pattern: Pattern = "store"
) -> Iterator[TrafficEvent]:
    """`events` events of `profiles` profiles from `start_ms` on; raises UsageError for figures that make no traffic."""
    if profiles < 1 or events < 0 or rate_per_s <= 0:
        msg = f"no traffic has {profiles} profiles, {events} events and {rate_per_s:g} events/s: give positive figures"
        raise UsageError(msg)
    if pattern not in _PATTERNS:
        msg = f"there is no pattern {pattern!r}: take one of {', '.join(_PATTERNS)}"
        raise UsageError(msg)
    return _PATTERNS[pattern](profiles, events, rate_per_s, seed, start_ms)
