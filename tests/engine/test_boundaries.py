"""The very instants at which a live segment decides otherwise; frames are 100 ms, the grace 20."""

import pytest

from octyseg.model.segment import Step
from tests.engine.story import ADD, NO_BUY, Told, left_cart, segment


@pytest.mark.parametrize(
    ("at_ms", "corrects"), [(9, False), (10, True), (110, True)], ids=["before", "the action's", "the deadline's"]
)
def test_a_late_event_corrects_from_the_instant_of_the_action_to_that_of_the_deadline(at_ms, corrects):
    told = Told(left_cart())
    told.event("add", 10)
    told.tick(131)
    assert told.event("buy", at_ms, 140) == ([("removed", "late_event", at_ms)] if corrects else [])


def test_a_late_event_at_the_deadline_of_another_correlation_changes_nothing():
    told = Told(left_cart(correlate_by="cart"))
    told.event("add", 0, properties={"cart": 1})
    told.tick(121)
    assert told.event("buy", 100, 130, properties={"cart": 2}) == []
    assert told.event("buy", 101, 131, properties={"cart": 2}) == [("removed", "contradicted", 101)]


def test_of_two_contradictions_of_one_instant_the_first_in_the_log_is_the_cause():
    told = Told(left_cart())
    told.event("add", 0)
    told.event("buy", 110, event_id="first")
    told.event("buy", 110, event_id="second")
    told.drain()
    assert told.changes[-1].cause == ("first",)


def test_of_two_contradictions_the_earlier_counts_whichever_came_first():
    told = Told(left_cart())
    told.event("add", 0)
    told.event("buy", 112)
    told.event("buy", 105, 113)
    told.drain()
    assert told.told == [("added", "matched", 100), ("removed", "contradicted", 105)]


def test_a_match_at_the_instant_of_the_expiry_is_waited_for():
    told = Told(left_cart(tag_ttl_ms=130))
    told.event("add", 0)
    told.tick(121)
    told.event("add", 130)
    told.event("add", 235)
    told.drain()
    assert told.told[1] == ("refreshed", "matched", 230)


def test_a_match_after_the_expiry_is_not_waited_for():
    told = Told(left_cart(tag_ttl_ms=129))
    told.event("add", 0)
    told.tick(121)
    told.event("add", 130)
    told.event("add", 235)
    told.drain()
    assert told.told[1:3] == [("removed", "expired", 229), ("added", "matched", 230)]


def test_an_event_seen_too_early_contradicts_only_the_segments_it_is_an_inaction_of():
    told = Told(left_cart(), segment(ADD, Step("view", inaction=True), segment_id="unseen"))
    told.event("buy", 110)
    told.event("add", 0, 115)
    told.drain()
    kinds = {change.segment_id: [] for change in told.changes}
    for change in told.changes:
        kinds[change.segment_id].append(change.kind)
    assert kinds == {"left": ["added", "removed"], "unseen": ["added"]}


def test_a_cooldown_ends_at_its_very_instant():
    told = Told(segment(Step("buy"), cooldown_ms=50))
    told.event("buy", 0)
    assert told.event("buy", 49) == []
    assert told.event("buy", 50) == [("refreshed", "matched", 50)]


def test_a_restart_at_the_instant_of_the_last_action_is_one():
    told = Told(left_cart(on_repeat="restart"))
    told.event("add", 0, event_id="first")
    told.event("add", 0, event_id="second")
    told.drain()
    assert told.changes[0].cause == ("second",)


def test_a_refresh_by_an_older_match_moves_nothing_but_is_told():
    told = Told(segment(Step("buy"), tag_ttl_ms=100))
    told.event("buy", 20)
    assert told.event("buy", 10, 25) == [("refreshed", "matched", 10)]
    told.drain()
    assert told.told[-1] == ("removed", "expired", 120)
    (first, second, last) = told.changes
    assert last.cause == first.cause != second.cause


def test_an_overdue_instance_waits_for_the_records_of_its_own_arrival():
    told = Told(segment(ADD, NO_BUY))
    told.feed(told.write.event("add", 0, 300), told.write.event("buy", 50, 300))
    told.drain()
    assert told.told == []
    told.feed(told.write.event("add", 100, 390))
    told.feed(told.write.event("buy", 150, 391))
    told.drain()
    assert told.told == [("added", "matched", 200), ("removed", "late_event", 150)]
