"""The figures the engine works by, all in milliseconds; set once for a process."""

from msgspec import Struct

DEDUPE_WINDOW_MS = 24 * 60 * 60 * 1000
DEDUPE_IDS = 64
PARALLEL_INSTANCES = 16
SIGHTINGS = 16
INACTIONS = 16


class Rules(Struct, frozen=True):
    """`grace_ms`: how long after a deadline a record may still arrive in time.

    `correction_horizon_ms`: how long after a deadline a late event still takes a match back.
    `live_max_age_ms`: an event older than this at arrival is history only. `future_ms`: one further
    ahead of its arrival is refused. `forgets`: whether a profile with nothing open, no tag and no
    attributes is dropped a day after its last matching event.
    """

    grace_ms: int = 5_000
    correction_horizon_ms: int = 3_600_000
    live_max_age_ms: int = 7_200_000
    future_ms: int = 120_000
    forgets: bool = True
