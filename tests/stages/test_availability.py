import pytest

from octyseg import metrics
from octyseg.errors import ProjectionUnavailable
from octyseg.stages.availability import Availability


@pytest.fixture
def availability():
    return Availability("the projection", metrics.REDIS_AVAILABLE.labels("projection"), wait_max_s=0.01)


async def test_a_step_is_tried_until_redis_answers(availability):
    seen = []

    async def step():
        seen.append(metrics.REDIS_AVAILABLE.labels("projection")._value.get())
        if len(seen) < 4:
            raise ProjectionUnavailable("away")
        return "done"

    assert await availability.until(step) == "done"
    assert seen[1:] == [0, 0, 0]
    assert metrics.REDIS_AVAILABLE.labels("projection")._value.get() == 1


async def test_what_is_no_absence_comes_up_at_once(availability):
    async def step():
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        await availability.until(step)


def test_nothing_is_amiss_before_anybody_asked():
    gauge = metrics.REDIS_AVAILABLE.labels("idle")
    Availability("the projection", gauge)
    assert gauge._value.get() == 1
