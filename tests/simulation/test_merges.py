"""Profiles that are merged while workers crash, pause and are replaced: what came to any of them is counted once."""

import os
from collections import Counter

import pytest

from tests.simulation.histories import merging_plan_of
from tests.simulation.shrink import shrunken, told
from tests.simulation.test_simulation import outcome_of
from tests.simulation.verdict import run

SEEDS = int(os.environ.get("OCTYSEG_SIMULATION_SEEDS", "2000")) // 4
FIRST = int(os.environ.get("OCTYSEG_SIMULATION_FIRST", "0"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_came_to_a_merged_profile_is_counted_once_where_it_went():
    for seed in range(FIRST, FIRST + SEEDS):
        plan = merging_plan_of(seed)
        error = outcome_of(plan)
        if error is not None:
            small = shrunken(plan, lambda smaller: type(outcome_of(smaller)) is type(error))  # noqa: B023
            pytest.fail(f"seed {seed}: {error}\n\nsmaller: {outcome_of(small)}\n{told(small)}")


@pytest.mark.slow
def test_the_seeds_merge_and_crash_between_the_outcome_and_what_is_sent():
    counts = Counter()
    for seed in range(300):
        counts.update(run(merging_plan_of(seed)).counts)
    assert counts["merged groups"] > 100
    assert counts["crash at live.sent"] > 3
    assert counts["crash at live.written"] > 3
