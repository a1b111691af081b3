"""Why a profile is in a segment or not: the same state, asked of the same functions that decided."""

import pytest

from octyseg.engine.catalog import Catalog
from octyseg.engine.explain import Question, explain
from octyseg.engine.explain_words import amount, asked
from octyseg.model.segment import Condition, Every, InSegment, Negated, Segment, Step
from octyseg.model.segment import Performed as Did
from tests.engine.story import GRACE_MS, RULES, START_MS, left_cart, segment
from tests.engine.test_dynamic_segments import Followed, dynamic
from tests.engine.test_membership import GUESTS, LOYAL, Asked

GOLD = Condition("plan", "eq", "gold")


def why(told, segment_id, at_ms, **options):
    partition = told.partition
    asked = partition.catalog.segments[segment_id]
    question = Question("ada", partition.state_of("ada"), asked, START_MS + at_ms)
    return explain(question, partition.catalog, RULES, **options)


def turns(explanation):
    return [(one.what, None if one.at_ms is None else one.at_ms - START_MS) for one in explanation.next]


def test_one_event_is_the_match():
    told = Followed(segment(Step("buy", {"big": True})), left_cart(segment_id="other"))
    told.event("add", 0)
    found = why(told, "left", 10)
    assert (found.member, found.since_ms, found.sequences) == (False, None, ())
    assert turns(found) == [("buy (big true) is a match", None)]
    told.event("buy", 20, properties={"big": True}, event_id="e2")
    found = why(told, "left", 30)
    assert (found.member, found.since_ms, found.decided_by) == (True, START_MS + 20, ("e2",))


def test_an_open_sequence_shows_its_step_its_deadline_and_its_events():
    told = Followed(left_cart(conditions=(GOLD,)))
    told.event("add", 0, event_id="e1")
    found = why(told, "left", 10)
    (sequence,) = found.sequences
    assert (sequence.steps_done, sequence.steps, sequence.awaits) == (1, 2, "no buy")
    assert (sequence.deadline_ms, sequence.events) == (START_MS + 100, ("e1",))
    assert turns(found) == [
        ("the deadline passes without buy: it is a match", 100 + GRACE_MS),
        ("buy up to the deadline ends this sequence", None),
    ]
    (condition,) = found.conditions
    assert (condition.asks, condition.found, condition.holds) == ('plan eq "gold"', "nothing", False)


def test_actions_in_order_say_which_is_next():
    told = Followed(segment(Step("view", within_ms=100), Step("add", within_ms=100), Step("buy")))
    told.feed(told.write.event("view", 0), told.write.event("add", 10))
    assert turns(why(told, "left", 20)) == [
        ("buy up to the deadline is a match", None),
        ("the deadline passes: this sequence ends", 110 + GRACE_MS),
    ]


def test_a_member_of_a_live_segment_hears_what_would_take_the_tag():
    told = Followed(left_cart(tag_ttl_ms=500))
    told.event("add", 0)
    told.tick(200)
    found = why(told, "left", 200)
    assert found.member
    assert turns(found) == [
        ("the tag expires", 600 + GRACE_MS),
        ("buy takes the tag away", None),
        ("add does step 1 of 2", None),
    ]


def test_lists_and_runs_decide_elsewhere():
    told = Asked(LOYAL, GUESTS)
    told.ask(True, 5)
    found = why(told, "loyal", 10)
    assert (found.member, found.since_ms, found.decided_by) == (True, START_MS + 5, ("run-1#1",))
    assert found.status == "decided by runs of the batch agent"
    assert turns(why(told, "guests", 10)) == [("an edit of the list", None)]


def test_conditions_are_told_leaf_by_leaf_with_what_was_found():
    rule = Every((Did(0, "buy", at_least=2, within_ms=100), Negated(GOLD), InSegment("other", member=False)))
    told = Followed(dynamic(rule), dynamic(Did(0, "sell"), "other"))
    told.feed(told.write.profile(0, profile_data={"plan": "tin"}))
    told.feed(told.write.event("buy", 10), told.write.event("buy", 20))
    found = why(told, "dyn", 30)
    assert (found.member, found.says, found.since_ms) == (True, True, START_MS + 20)
    assert found.decided_by == ("octyseg.events-0-2",)
    assert [(one.asks, one.found, one.holds) for one in found.conditions] == [
        ("buy at least 2 times within 0.1 s", "2 or more", True),
        ('plan eq "gold"', '"tin"', False),
        ('not in "other"', "not in", True),
    ]
    assert [at_ms - START_MS for at_ms, _ in found.conditions[0].decided_by] == [20, 10]
    assert found.next[0].at_ms == START_MS + 110 + GRACE_MS


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"within_ms": 48 * HOUR_MS}, "at least once within 2 days"),
        ({"within_ms": 36 * HOUR_MS}, "at least once within 36 hours"),
        ({"within_ms": HOUR_MS * 3 // 2}, "at least once within 90 minutes"),
        ({"between_ms": (0, HOUR_MS)}, "at least once from 1970-01-01T00:00:00.000Z to 1970-01-01T01:00:00.000Z"),
        ({"at_least": 2, "at_most": 2}, "exactly 2 times ever"),
        ({"at_least": 0, "at_most": 3}, "at most 3 times ever"),
        ({"at_least": 1, "at_most": 3}, "at least once and at most 3 times ever"),
    ],
)
def test_windows_and_counts_are_told_as_people_say_them(options, words):
    assert asked(Did(0, "buy", **options)) == f"buy {words}"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, ["0", "1 or more"]),
        ({"at_least": 2}, ["0", "1", "2 or more"]),
        ({"at_least": 0, "at_most": 0}, ["0", "1 or more"]),
        ({"at_least": 1, "at_most": 2}, ["0", "1", "2", "3 or more"]),
    ],
)
def test_no_more_is_said_to_be_counted_than_is_kept(options, told):
    assert [amount(Did(0, "buy", **options), count) for count in range(len(told))] == told


def test_the_next_turn_by_time_is_the_first_that_changes_the_answer_and_not_just_a_leaf():
    rule = Every((Did(0, "buy", within_ms=100), Did(1, "view", within_ms=400)))
    told = Followed(dynamic(rule))
    told.event("view", 0)
    assert all(turn.at_ms is None for turn in why(told, "dyn", 10).next)
    told.event("buy", 350)
    assert why(told, "dyn", 360).next[0].at_ms == START_MS + 400 + GRACE_MS


@pytest.mark.parametrize("at_ms", [100, 110 + GRACE_MS, 111 + GRACE_MS, 500])
def test_the_time_told_is_the_time_at_which_the_engine_turns(at_ms):
    told = Followed(dynamic(Did(0, "buy", within_ms=100)))
    told.event("buy", 10)
    turn_ms = why(told, "dyn", 20).next[0].at_ms
    told.tick(at_ms)
    assert why(told, "dyn", at_ms).member == (START_MS + at_ms <= turn_ms) if told.partition.state_of("ada") else True
    assert bool(told.members()) == (START_MS + at_ms <= turn_ms)


def test_a_segment_that_is_building_says_so():
    told = Followed(dynamic(Did(0, "buy")))
    told.event("buy", 10)
    assert "building" in why(told, "dyn", 20, is_building=True).status


def test_a_rule_without_an_answer_of_the_engine_is_not_asked():
    past = Segment("p", "p", 1, "past")
    found = explain(
        Question("ada", Asked(past).partition.state_of("ada") or _nobody(), past, 0), Catalog([past]), RULES
    )
    assert (found.says, found.member) == (None, False)


def _nobody():
    told = Followed(left_cart())
    told.event("add", 0)
    return told.partition.state_of("ada")
