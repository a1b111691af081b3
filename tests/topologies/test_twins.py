"""Being put out of a group by a twin, and by other causes."""

import pytest

from topologies.twins import TwinWatch


class Clock:
    now_s = 100.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def watch(clock):
    return TwinWatch("slot-0", clock)


def assigned(watch, *generations):
    for generation in generations:
        watch.on_assigned(generation)


def test_coming_back_twice_into_one_generation_and_being_put_out_again_is_a_twin(watch):
    assigned(watch, 4, 4)
    assert not watch.is_there()
    assigned(watch, 4)
    assert watch.is_there()
    assert "slot-0" in watch.message


def test_new_generations_are_no_twin(watch):
    assigned(watch, 1, 2, 2, 3, 4, 4, 5)
    assert not watch.is_there()


def test_coming_back_now_and_then_is_no_twin(watch, clock):
    for _ in range(5):
        assigned(watch, 4)
        clock.now_s += 61.0
    assert not watch.is_there()


def test_a_twin_that_left_is_forgotten(watch, clock):
    assigned(watch, 4, 4, 4)
    clock.now_s += 61.0
    assert not watch.is_there()
