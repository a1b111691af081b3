"""Which runs are due now: a pure question about the definitions, the ledger, the schedule and the time.

A past segment runs when it is created or edited and at every instant of the schedule; a dynamic one is handed
its history once for each set of rules, and again at the next instant if that failed. The id of a run is made of
what it is due for, so that two who ask at once demand the same run. The schedule is cron in UTC, by the
wall clock of whoever asks; what a run is as of is the log's time.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from cronsim import CronSim

from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredSegment
from octyseg.model.ledger import Ledger, Run
from octyseg.model.run import Demand, Trigger, run_id_of

# The types of segments that have runs.
TYPES = ("past", "dynamic")


def last_instant_ms(schedule: str, now_ms: int) -> int:
    """The newest instant of the schedule that is not after `now_ms`."""
    minute = datetime.fromtimestamp(now_ms // 60_000 * 60, UTC) + timedelta(minutes=1)
    return round(next(CronSim(schedule, minute, reverse=True)).timestamp() * 1000)


def due(registry: Registry, ledger: Ledger, schedule: str, now_ms: int) -> Iterator[Demand]:
    """The runs to demand now."""
    instant_ms = last_instant_ms(schedule, now_ms)
    for stored in registry.active():
        if stored.definition.segment_type not in TYPES:
            continue
        newest = next((one for one in ledger.of_segment(stored.segment_id) if _counts(one, stored)), None)
        if newest is None:
            trigger: Trigger = "created" if stored.matching_since == 1 else "edited"
            yield _demand(stored, trigger, stored.matching_since)
        elif newest.status != "building" and newest.demanded_ms < instant_ms and _runs_again(stored, newest):
            demand = _demand(stored, "scheduled", instant_ms)
            if ledger.run(demand.run_id) is None:
                yield demand


def _counts(run: Run, stored: StoredSegment) -> bool:
    return run.version >= stored.matching_since


def _runs_again(stored: StoredSegment, newest: Run) -> bool:
    return stored.definition.segment_type == "past" or newest.status == "failed"


def _demand(stored: StoredSegment, trigger: Trigger, reason: int) -> Demand:
    run_id = run_id_of(stored.segment_id, trigger, reason)
    return Demand(run_id, stored.segment_id, stored.version, trigger)
