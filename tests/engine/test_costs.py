"""What work costs, counted and not timed: nobody is touched who has nothing to do with it."""

import pytest

from octyseg.engine import interests
from octyseg.engine import profiles as profiles_module
from octyseg.engine.shelf import ALARMS_TO_SPARE, Shelf
from octyseg.model.segment import Step
from tests.engine.story import START_MS, Told, left_cart, segment


class Counted:
    """A function that counts its calls."""

    def __init__(self, function):
        self.function = function
        self.calls = 0

    def __call__(self, *args):
        self.calls += 1
        return self.function(*args)


@pytest.fixture
def decodes(monkeypatch):
    counted = Counted(profiles_module.decode_state)
    monkeypatch.setattr(profiles_module, "decode_state", counted)
    return counted


def test_an_event_type_nobody_names_never_creates_or_touches_a_state(decodes):
    told = Told(left_cart())
    told.event("add", 0)
    known = decodes.calls
    told.feed(*(told.write.event("noise", at_ms, profile=profile) for at_ms in range(50) for profile in ("ada", "eve")))
    assert decodes.calls == known
    assert len(told.partition) == 1
    assert len(told.outcomes) == 1


def test_an_event_looks_only_at_the_segments_that_name_its_type(monkeypatch):
    looked = Counted(interests.matches)
    monkeypatch.setattr(interests, "matches", looked)
    wanted = {"of": 1}
    others = [segment(Step(f"type {number}", wanted), segment_id=f"s{number}") for number in range(100)]
    told = Told(*others, *(segment(Step("buy", wanted), segment_id=name) for name in ("one", "two")))
    told.event("buy", 0, properties={"of": 1})
    assert looked.calls == 2


def test_parts_that_texts_decide_are_compared_once(monkeypatch):
    looked = Counted(interests.matches)
    monkeypatch.setattr(interests, "matches", looked)
    told = Told(*(segment(Step("buy", {"of": f"thing {number}"}), segment_id=f"s{number}") for number in range(100)))
    for at_ms in range(10):
        told.event("buy", at_ms, properties={"of": "thing 7"})
    assert looked.calls == 100


def test_a_feed_decodes_a_profile_once_however_many_of_its_events_it_brings(decodes):
    told = Told(left_cart(on_repeat="restart"))
    told.event("add", 0)
    told.feed(*(told.write.event("add", at_ms) for at_ms in range(1, 80)))
    assert decodes.calls == 1


def test_a_tick_touches_only_who_is_due(decodes):
    told = Told(left_cart())
    told.feed(*(told.write.event("add", at_ms, profile=f"p{at_ms}") for at_ms in range(90)))
    assert told.tick(120) == []
    assert decodes.calls == 0
    assert len(told.tick(124)) == 4
    assert decodes.calls == 4
    told.tick(124)
    told.tick(124)
    assert decodes.calls == 4


def test_asking_when_something_is_due_decodes_nothing(decodes):
    told = Told(left_cart())
    told.feed(*(told.write.event("add", at_ms, profile=f"p{at_ms}") for at_ms in range(90)))
    assert told.partition.next_due() is not None
    assert decodes.calls == 0


def test_profiles_at_rest_are_not_looked_at_again_while_time_passes(decodes):
    told = Told(segment(Step("buy")))
    told.feed(*(told.write.event("buy", 0, profile=f"p{number}") for number in range(100)))
    for at_ms in range(100, 10_000, 100):
        told.tick(at_ms)
    assert decodes.calls <= 100


def test_what_waits_for_its_commit_is_not_looked_at_with_every_record(decodes):
    told = Told(left_cart())
    told.feed(*(told.write.event("buy", 0, profile=f"p{number}") for number in range(100)))
    for at_ms in range(100, 900):
        told.feed(told.write.event("noise", at_ms))
    assert decodes.calls <= 200


def test_a_sweep_looks_at_no_more_profiles_a_tick_than_it_is_given(decodes):
    told = Told(left_cart())
    told.feed(*(told.write.event("add", 0, profile=f"p{number}") for number in range(30)))
    told.adopt(left_cart(version=2, matching_since=2))
    for _ in range(3):
        before = decodes.calls
        told.tick(1, sweep=10)
        assert decodes.calls - before == 10
    told.tick(1, sweep=10)
    assert decodes.calls == 30


def test_a_tick_looks_at_no_more_profiles_that_are_due_than_it_is_given():
    told = Told(left_cart())
    told.feed(*(told.write.event("add", 0, profile=f"p{number}") for number in range(5)))
    for count in (2, 2, 1):
        assert len(told.tick(500, most=2)) == count
        assert told.partition.is_behind == (count == 2)
    assert told.partition.clock_ms == START_MS + 500
    assert told.tick(500, most=2) == []


def test_alarms_that_earlier_ones_took_the_place_of_do_not_pile_up():
    """Who does something each hour is waited for, then remembered for a day: each time anew."""
    shelf, profiles, hour_ms = Shelf(), [f"profile_{number}" for number in range(500)], 3_600_000
    most = 0
    for hour in range(20):
        for profile in profiles:
            shelf.schedule(profile, hour * hour_ms + 1)
        popped = {shelf.pop_due(hour * hour_ms + 2) for _ in profiles}
        assert popped == set(profiles)
        for profile in profiles:
            shelf.schedule(profile, (hour + 24) * hour_ms)
        most = max(most, len(shelf._alarms))
    assert most <= 2 * len(profiles) + ALARMS_TO_SPARE
    last = [shelf.pop_due(100 * hour_ms) for _ in range(len(profiles) + 1)]
    assert set(last[:-1]) == set(profiles)
    assert last[-1] is None
