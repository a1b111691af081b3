import asyncio
import gc

import pytest

from octyseg.retries import retried


def is_absence(error):
    return isinstance(error, ConnectionError)


def failing(*errors):
    """A step that fails by each of these in turn, then is done; and how often it was tried."""
    left, tries = list(errors), []

    async def step():
        tries.append(len(tries))
        if left:
            raise left.pop(0)
        return "done"

    return step, tries


async def test_a_step_is_tried_until_it_is_answered():
    step, tries = failing(*[ConnectionError()] * 4)
    assert await retried(step, is_absence, wait_initial_s=0.001, wait_max_s=0.002) == "done"
    assert len(tries) == 5


@pytest.mark.parametrize("absences", [0, 1, 3])
async def test_what_does_not_pass_comes_up_at_once(absences):
    step, tries = failing(*[ConnectionError()] * absences, ValueError("a bug"), ConnectionError())
    with pytest.raises(ValueError, match="a bug"):
        await retried(step, is_absence, wait_initial_s=0.001, wait_max_s=0.002)
    assert len(tries) == absences + 1


async def test_there_is_a_wait_before_the_second_try():
    step, tries = failing(ConnectionError())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await retried(step, is_absence, wait_initial_s=3600, wait_max_s=3600)
    assert len(tries) == 1


async def test_a_step_that_is_answered_leaves_nothing_in_cycles():
    step, _ = failing()
    await retried(step, is_absence, wait_initial_s=0.1, wait_max_s=1)
    gc.collect()
    gc.disable()
    try:
        for _ in range(100):
            await retried(step, is_absence, wait_initial_s=0.1, wait_max_s=1)
        assert gc.collect() < 100
    finally:
        gc.enable()
