"""The whole live path under simulated trouble, seed by seed; a failure tells its seed and what is left of its plan.

OCTYSEG_SIMULATION_SEEDS says how many seeds to try, OCTYSEG_SIMULATION_FIRST where to begin.
"""

import os
from collections import Counter

import pytest

from tests.simulation.histories import CRASH_POINTS, TAGS_CRASH_POINTS, plan_of
from tests.simulation.oracle import expected_changes
from tests.simulation.plan import Produce
from tests.simulation.shrink import shrunken, told
from tests.simulation.verdict import run

SEEDS = int(os.environ.get("OCTYSEG_SIMULATION_SEEDS", "2000"))
FIRST = int(os.environ.get("OCTYSEG_SIMULATION_FIRST", "0"))
BLOCK = 500
BLOCKS = [
    pytest.param(first, marks=[pytest.mark.slow] if first > FIRST else [])
    for first in range(FIRST, FIRST + SEEDS, BLOCK)
]


def outcome_of(plan):
    """What went wrong, None when nothing did."""
    try:
        run(plan)
    except Exception as error:  # noqa: BLE001 - whatever a simulated run raises is its verdict
        return error
    return None


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", BLOCKS)
def test_nothing_is_lost_doubled_or_false_whatever_goes_wrong(first):
    for seed in range(first, min(first + BLOCK, FIRST + SEEDS)):
        plan = plan_of(seed)
        error = outcome_of(plan)
        if error is not None:
            pytest.fail(f"seed {seed}: {error}\n\n{shrunken_story(plan, type(error))}")


def shrunken_story(plan, kind):
    """What is left of a plan when all is left out that it does not need to fail in this way."""
    small = shrunken(plan, lambda smaller: type(outcome_of(smaller)) is kind)
    return f"smaller: {outcome_of(small)}\n{told(small)}"


@pytest.mark.slow
def test_the_seeds_reach_every_crash_point_and_every_kind_of_trouble():
    counts, reasons = Counter(), Counter()
    for seed in range(600):
        world = run(plan_of(seed))
        counts.update(world.counts)
        reasons.update(world.reasons)
    assert {f"crash at {point}" for point in (*CRASH_POINTS, *TAGS_CRASH_POINTS)} <= counts.keys()
    assert {"pauses", "fenced", "deaths", "repeats", "tags deaths", "shown", "quiet", "misplaced"} <= {
        name for name, count in counts.items() if count
    }
    assert {"matched", "contradicted", "expired", "late_event", "erased"} <= reasons.keys()
    assert {"definition_changed", "definition_deleted"} <= reasons.keys()


def test_a_seed_is_always_the_same_plan_and_the_same_end():
    first, second = run(plan_of(7)), run(plan_of(7))
    assert first.plan == second.plan
    assert (first.now_ms, first.counts, first.reasons) == (second.now_ms, second.counts, second.reasons)


def test_a_failing_plan_is_shrunk_to_the_actions_that_matter():
    def has_erasure(plan):
        return any(isinstance(action, Produce) and b"erase" in action.value for action in plan.actions)

    seed = next(seed for seed in range(1_000) if has_erasure(plan_of(seed)))
    small = shrunken(plan_of(seed), has_erasure)
    assert len([action for action in small.actions if isinstance(action, Produce)]) == 1
    assert len(small.segments) == 1
    assert str(seed) in told(small)


def test_the_oracle_takes_records_of_any_history_without_revisions():
    records = []
    assert expected_changes([], records, plan_of(0).rules) == {}
