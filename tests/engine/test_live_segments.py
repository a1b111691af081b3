"""What a live segment does, one story each; frames are 100 ms, the grace 20, times are small numbers."""

import pytest

from octyseg.model.segment import Condition, Step
from tests.engine.story import ADD, NO_BUY, START_MS, Told, left_cart, segment

NOTHING = []


def test_a_single_action_fires_at_the_event():
    told = Told(segment(Step("buy")))
    assert told.event("buy", 0) == [("added", "matched", 0)]
    assert told.event("buy", 7, arrival_ms=9) == [("refreshed", "matched", 7)]
    assert told.changes[1].detected_at_ms == START_MS + 9


def test_inaction_fires_once_when_the_frame_and_the_grace_are_over():
    told = Told(left_cart())
    told.event("add", 0)
    assert told.tick(120) == NOTHING
    assert told.tick(121) == [("added", "matched", 100)]
    assert told.tick(10_000) == NOTHING
    change = told.changes[0]
    assert (change.detected_at_ms, change.cause) == (START_MS + 121, (f"{'octyseg.events'}-0-0",))


@pytest.mark.parametrize(
    ("bought_at_ms", "outcome"),
    [
        (0, NOTHING),
        (99, NOTHING),
        (100, NOTHING),
        (101, [("added", "matched", 100), ("removed", "contradicted", 101)]),
        (120, [("added", "matched", 100), ("removed", "contradicted", 120)]),
    ],
)
def test_the_awaited_event_counts_up_to_the_deadline_itself(bought_at_ms, outcome):
    told = Told(left_cart())
    told.event("add", 0)
    told.event("buy", bought_at_ms)
    told.drain()
    assert told.told == outcome


def test_of_two_events_of_one_instant_the_log_says_which_came_first():
    told = Told(left_cart())
    told.event("buy", 0)
    told.event("add", 0)
    told.drain()
    assert told.told == [("added", "matched", 100)]


@pytest.mark.parametrize(
    ("add_arrives_ms", "outcome"), [(30, NOTHING), (31, [("added", "matched", 105)])], ids=["in the grace", "after it"]
)
def test_a_buy_seen_before_the_add_it_follows_cancels_within_the_grace(add_arrives_ms, outcome):
    told = Told(left_cart())
    told.event("buy", 10)
    told.event("add", 5, add_arrives_ms)
    told.drain()
    assert told.told == outcome


def test_a_buy_without_an_id_is_remembered_for_the_grace_even_when_all_was_committed():
    told = Told(left_cart())
    told.event("buy", 10)
    told.partition.committed(1)
    told.tick(20)
    told.event("add", 5, 25)
    told.drain()
    assert told.told == NOTHING


@pytest.mark.parametrize(
    ("arrival_ms", "outcome"),
    [(120, NOTHING), (121, [("removed", "late_event", 60)]), (300, [("removed", "late_event", 60)]), (301, NOTHING)],
)
def test_a_late_buy_cancels_in_the_grace_corrects_in_the_horizon_and_then_changes_nothing(arrival_ms, outcome):
    told = Told(left_cart())
    told.event("add", 0)
    told.tick(arrival_ms)
    known = len(told.changes)
    assert told.event("buy", 60, arrival_ms) == outcome
    assert known == (arrival_ms > 120)


def test_a_buy_from_before_the_add_changes_nothing():
    told = Told(left_cart())
    told.event("add", 0)
    told.tick(121)
    assert told.event("buy", -1, 122) == NOTHING


def test_a_contradiction_after_the_firing_takes_the_tag_and_the_next_add_opens_again():
    told = Told(left_cart())
    told.event("add", 0)
    told.tick(121)
    assert told.event("buy", 150) == [("removed", "contradicted", 150)]
    told.event("add", 160)
    told.drain()
    assert told.told[-1] == ("added", "matched", 260)


def test_an_action_while_the_tag_is_there_keeps_it_and_opens_an_instance():
    told = Told(left_cart())
    told.event("add", 0)
    told.tick(121)
    assert told.event("add", 150) == NOTHING
    told.drain()
    assert told.told == [("added", "matched", 100), ("refreshed", "matched", 250)]


@pytest.mark.parametrize(("on_repeat", "matches"), [("ignore", [100]), ("restart", [140]), ("parallel", [100, 140])])
def test_a_repeat_of_the_action_is_ignored_restarts_or_runs_beside(on_repeat, matches):
    told = Told(left_cart(on_repeat=on_repeat))
    told.event("add", 0)
    told.event("add", 40)
    told.drain()
    assert [at_ms for _, _, at_ms in told.told] == matches


def test_a_restart_is_not_made_by_an_older_event():
    told = Told(left_cart(on_repeat="restart"))
    told.event("add", 50)
    told.event("add", 40, 55)
    told.drain()
    assert told.told == [("added", "matched", 150)]


def test_a_restart_goes_back_to_step_one_from_any_later_step():
    told = Told(segment(ADD, Step("view", within_ms=100), NO_BUY, on_repeat="restart"))
    for event_type, at_ms in (("add", 0), ("view", 10), ("add", 20)):
        told.event(event_type, at_ms)
    told.drain()
    assert told.told == NOTHING
    told.event("add", 1_000)
    told.event("view", 1_010)
    told.drain()
    assert told.told == [("added", "matched", 1_110)]


def test_an_instance_past_its_deadline_waits_beside_the_one_opened_after_it():
    told = Told(left_cart())
    told.event("add", 0)
    told.event("add", 110)
    told.drain()
    assert told.told == [("added", "matched", 100), ("refreshed", "matched", 210)]


def test_each_value_of_the_correlation_has_an_instance_of_its_own():
    told = Told(left_cart(correlate_by="cart"))
    told.event("add", 0, properties={"cart": 1})
    told.event("add", 10, properties={"cart": 2})
    told.event("add", 20)
    told.event("buy", 30, properties={"cart": 1.0})
    told.drain()
    assert told.told == [("added", "matched", 110), ("refreshed", "matched", 120)]


def test_a_contradiction_takes_the_tag_whatever_the_correlation():
    told = Told(left_cart(correlate_by="cart"))
    told.event("add", 0, properties={"cart": 1})
    told.tick(121)
    assert told.event("buy", 130, properties={"cart": 2}) == [("removed", "contradicted", 130)]


def test_a_contradiction_waits_for_every_match_before_it():
    told = Told(left_cart(on_repeat="parallel"))
    told.event("add", 0)
    told.event("add", 3)
    told.event("buy", 105)
    told.tick(121)
    told.drain()
    assert told.told == [("added", "matched", 100), ("refreshed", "matched", 103), ("removed", "contradicted", 105)]


def test_a_cancelled_instance_leaves_its_contradiction_to_the_tag_there_is():
    told = Told(left_cart())
    told.event("add", 0)
    told.tick(121)
    told.event("add", 130)
    told.event("buy", 235)
    assert told.event("buy", 200, 236) == [("removed", "contradicted", 235)]


def test_actions_in_order_fire_at_the_last_one():
    told = Told(segment(Step("view", within_ms=100), Step("add", within_ms=100), Step("buy")))
    for event_type, at_ms in (("add", 0), ("view", 10), ("buy", 20), ("add", 110), ("add", 150)):
        assert told.event(event_type, at_ms) == NOTHING
    assert told.event("buy", 210) == [("added", "matched", 210)]
    assert told.changes[0].cause == tuple(f"octyseg.events-0-{offset}" for offset in (1, 3, 5))


@pytest.mark.parametrize(("at_ms", "fires"), [(100, True), (101, False)])
def test_the_next_action_counts_up_to_the_end_of_the_frame(at_ms, fires):
    told = Told(segment(ADD, Step("buy")))
    told.event("add", 0)
    assert bool(told.event("buy", at_ms)) == fires


def test_an_event_that_comes_too_late_to_advance_opens_anew():
    told = Told(segment(Step("add", within_ms=100), Step("add", {"big": True})))
    told.event("add", 0)
    assert told.event("add", 101, properties={"big": True}) == []
    assert told.event("add", 150, properties={"big": True}) == [("added", "matched", 150)]


@pytest.mark.parametrize(("on_repeat", "opened"), [("ignore", 0), ("restart", 0), ("parallel", 1)])
def test_an_event_that_advances_does_not_also_open_unless_parallel(on_repeat, opened):
    told = Told(segment(Step("view", within_ms=100), Step("view", {"page": 2}), on_repeat=on_repeat))
    told.event("view", 0)
    assert told.event("view", 10, properties={"page": 2}) == [("added", "matched", 10)]
    assert len(told.partition.state_of("ada").instances) == opened


def test_on_enter_says_only_the_first_match_but_counts_from_the_last():
    told = Told(left_cart(notify="on_enter", tag_ttl_ms=300))
    told.event("add", 0)
    told.event("add", 200)
    told.drain()
    assert told.told == [("added", "matched", 100), ("removed", "expired", 600)]


def test_a_cooldown_quiets_matches_and_adds_no_tag_meanwhile():
    told = Told(segment(Step("view", within_ms=10), Step("buy", inaction=True), cooldown_ms=100))
    for event_type, at_ms in (("view", 0), ("buy", 50), ("view", 60), ("view", 99), ("view", 110)):
        told.event(event_type, at_ms)
    told.drain()
    assert told.told == [("added", "matched", 10), ("removed", "contradicted", 50), ("added", "matched", 120)]


def test_a_tag_expires_unless_a_match_comes_at_that_very_instant():
    told = Told(segment(Step("buy"), tag_ttl_ms=50))
    told.event("buy", 0)
    assert told.event("buy", 50) == [("refreshed", "matched", 50)]
    assert told.tick(120) == NOTHING
    assert told.tick(121) == [("removed", "expired", 100)]


def test_an_event_after_the_expiry_finds_no_tag_also_before_the_clock_knows():
    told = Told(segment(Step("buy"), tag_ttl_ms=50))
    told.event("buy", 0)
    assert told.event("buy", 51) == [("removed", "expired", 50), ("added", "matched", 51)]


def test_octy_takes_the_tag_when_the_action_recurs_and_gives_it_back():
    told = Told(left_cart(compat_octy=True))
    told.event("add", 0)
    told.tick(121)
    assert told.event("add", 130) == [("removed", "contradicted", 130)]
    told.drain()
    assert told.told[-1] == ("added", "matched", 230)


def test_octy_takes_the_tag_also_when_the_action_recurs_within_the_grace():
    told = Told(left_cart(compat_octy=True))
    told.event("add", 0)
    told.event("add", 110)
    told.drain()
    assert told.told == [("added", "matched", 100), ("removed", "contradicted", 110), ("added", "matched", 210)]


def test_conditions_are_read_when_the_sequence_fires():
    told = Told(left_cart(conditions=(Condition("plan", "eq", "gold"),)))
    told.event("add", 0)
    told.feed(told.write.profile(110, profile_data={"plan": "gold"}))
    assert told.tick(121) == [("added", "matched", 100)]


def test_a_relative_date_is_relative_to_the_match_and_not_to_when_it_was_noticed():
    recent = Condition("profile_data.since", "within_last", {"minutes": 1})
    for noticed_ms in (121, 90_000):
        told = Told(left_cart(conditions=(recent,)))
        told.feed(told.write.profile(0, profile_data={"since": START_MS}))
        told.event("add", 0)
        assert told.tick(noticed_ms) == [("added", "matched", 100)]


def test_a_profile_record_fires_nothing():
    told = Told(segment(Step("buy"), conditions=(Condition("plan", "eq", "gold"),)))
    told.event("buy", 0)
    told.feed(told.write.profile(10, profile_data={"plan": "gold"}))
    told.drain()
    assert told.told == NOTHING
    assert told.partition.state_of("ada").profile_data == {"plan": "gold"}


def test_null_removes_an_attribute_and_others_stay():
    told = Told()
    told.feed(told.write.profile(0, profile_data={"plan": "gold", "city": "Oslo"}, has_charged=True, status="active"))
    told.feed(told.write.profile(1, profile_data={"plan": None}, platform_info={"os": "ios"}, customer_id="c1"))
    state = told.partition.state_of("ada")
    assert (state.profile_data, state.platform_info) == ({"city": "Oslo"}, {"os": "ios"})
    assert (state.has_charged, state.status, state.customer_id) == (True, "active", "c1")
    assert (state.created_at_ms, state.updated_at_ms, state.sequence) == (START_MS, START_MS + 1, 2)


@pytest.mark.parametrize(("age_ms", "fires"), [(400, True), (401, False)])
def test_an_event_that_arrives_too_old_never_fires(age_ms, fires):
    told = Told(segment(Step("buy")))
    assert bool(told.event("buy", 0, age_ms)) == fires


@pytest.mark.parametrize(("ahead_ms", "fires"), [(40, True), (41, False)])
def test_an_event_from_the_future_is_refused(ahead_ms, fires):
    told = Told(segment(Step("buy")))
    assert bool(told.event("buy", ahead_ms, 0)) == fires
    assert [reason for reason, _ in told.refused] == ([] if fires else ["future"])


def test_a_profile_record_from_the_future_is_refused_too():
    told = Told()
    told.feed(told.write.record("ada", {"type": "profile", "profile_id": "ada", "created_at": START_MS + 41}, 0))
    assert [reason for reason, _ in told.refused] == ["future"]


def test_a_merge_into_itself_is_refused_and_its_neighbours_are_not():
    told = Told(segment(Step("buy")))
    merge = {"type": "merge", "profile_id": "ada", "into": "ada", "created_at": START_MS}
    assert told.feed(told.write.event("buy", 0), told.write.record("ada", merge, 0), told.write.event("buy", 1)) == [
        ("added", "matched", 0),
        ("refreshed", "matched", 1),
    ]
    assert [(reason, record.offset) for reason, record in told.refused] == [("merge_loop", 1)]


def test_erasing_takes_all_tags_and_leaves_nothing_to_restore():
    told = Told(segment(Step("buy"), segment_id="one"), segment(Step("buy"), segment_id="two"))
    told.feed(told.write.profile(0, customer_id="c1"))
    told.event("buy", 1)
    assert told.feed(told.write.erase(2)) == [("removed", "erased", 2), ("removed", "erased", 2)]
    _, outcome = told.outcomes[-1]
    assert outcome.state is None
    assert told.changes[-1].customer_id == "c1"
    assert told.event("buy", 3)[0] == ("added", "matched", 3)
    assert told.changes[-1].customer_id is None


def test_erasing_who_is_not_known_says_nothing():
    told = Told(segment(Step("buy")))
    assert told.feed(told.write.erase(0)) == NOTHING
    assert (told.outcomes, len(told.partition)) == ([], 0)
