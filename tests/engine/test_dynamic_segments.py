"""Dynamic segments, one story each: who enters, who leaves, when, and what is told of it."""

import pytest

from octyseg.model.command import Backfill, Performed, Ready, encode, key_of
from octyseg.model.segment import DAY_MS, Condition, Either, Every, InSegment, Negated, Segment, Step
from octyseg.model.segment import Performed as Did
from tests.engine.story import GRACE_MS, MAX_AGE_MS, START_MS, Told, left_cart, segment

TWICE = Did(0, "buy", at_least=2, within_ms=100)
NEVER = Did(0, "buy", {}, 0, 0, within_ms=100)
GOLD = Condition("plan", "eq", "gold")


def dynamic(rule, segment_id="dyn", version=1, **options):
    return Segment(segment_id, segment_id, version, "dynamic", matching_since=version, rule=rule, **options)


class Followed(Told):
    """A partition whose dynamic segments decide from the first record on."""

    def __init__(self, *segments, **options):
        super().__init__(*segments, **options)
        self.partition.following.handovers.need_none()

    def members(self, segment_id="dyn"):
        return {
            profile_id
            for profile_id in self.partition.shelf.ids()
            if any(tag.segment_id == segment_id for tag in self.partition.state_of(profile_id).tags)
        }


def test_who_did_it_often_enough_enters_with_the_event_that_made_it_so():
    told = Followed(dynamic(TWICE))
    told.event("buy", 0)
    assert told.event("buy", 40, 45, event_id="e2") == [("added", "matched", 40)]
    (change,) = told.changes
    assert (change.segment_type, change.cause, change.detected_at_ms - START_MS) == ("dynamic", ("e2",), 45)


def test_who_did_it_too_long_ago_leaves_when_the_event_leaves_the_window():
    told = Followed(dynamic(TWICE))
    told.feed(told.write.event("buy", 0), told.write.event("buy", 40))
    assert told.tick(100 + GRACE_MS) == []
    assert told.tick(101 + GRACE_MS) == [("removed", "no_longer_matches", 100)]
    assert told.changes[-1].cause == ()


def test_a_late_event_within_the_grace_finds_the_window_as_it_was():
    told = Followed(dynamic(TWICE))
    told.feed(told.write.event("buy", 0), told.write.event("buy", 40))
    told.event("buy", 90, 115)
    told.drain()
    assert told.told == [("added", "matched", 40), ("removed", "no_longer_matches", 140)]


def test_a_later_one_counts_from_then_on_and_takes_nothing_back():
    told = Followed(dynamic(TWICE))
    told.feed(told.write.event("buy", 0), told.write.event("buy", 40))
    told.tick(125)
    assert told.event("buy", 90, 130) == [("added", "matched", 90)]
    told.drain()
    assert [kind for kind, _, _ in told.told] == ["added", "removed", "added", "removed"]


def test_events_too_old_for_live_segments_count_as_long_as_their_window_runs():
    told = Followed(dynamic(Did(0, "buy", within_ms=10 * MAX_AGE_MS)), segment(Step("buy"), segment_id="live"))
    told.event("buy", 0, MAX_AGE_MS + 1)
    assert [change.segment_id for change in told.changes] == ["dyn"]
    told.event("buy", 0, 20 * MAX_AGE_MS, profile="bob")
    assert {change.profile_id for change in told.changes} == {"ada"}


def test_who_did_nothing_lately_is_one_of_whom_something_is_known():
    told = Followed(dynamic(NEVER))
    told.event("noise", 0, profile="eve")
    assert told.feed(told.write.profile(10, plan={})) == [("added", "matched", 10)]
    told.event("buy", 20, profile="bob")
    told.drain()
    assert told.members() == {"ada", "bob"}
    assert len(told.partition) == 2


def test_what_is_missing_never_admits_negated_or_not():
    for rule in (GOLD, Negated(GOLD), Condition("plan", "ne", "gold"), Negated(Condition("plan", "exists"))):
        told = Followed(dynamic(rule))
        assert told.feed(told.write.profile(0, profile_data={"other": 1})) == [], rule
    told = Followed(dynamic(Condition("plan", "not_exists")))
    assert told.feed(told.write.profile(0, profile_data={"other": 1})) == [("added", "matched", 0)]
    assert told.feed(told.write.profile(5, profile_data={"plan": "tin"})) == [("removed", "no_longer_matches", 5)]


def test_a_relative_date_turns_with_time():
    told = Followed(dynamic(Condition("seen", "within_last", 100 / DAY_MS)))
    assert told.feed(told.write.profile(50, profile_data={"seen": START_MS + 50})) == [("added", "matched", 50)]
    told.drain()
    assert told.told[-1] == ("removed", "no_longer_matches", 150)


def test_a_window_between_two_instants_has_both_ends_in_it_and_stands_still():
    told = Followed(dynamic(Did(0, "buy", between_ms=(START_MS + 10, START_MS + 20))))
    for profile, at_ms in (("early", 9), ("first", 10), ("last", 20), ("late", 21)):
        told.event("buy", at_ms, 30, profile=profile)
    told.drain()
    assert told.members() == {"first", "last"}


def test_a_change_cascades_in_the_feed_that_brought_it():
    loyal = dynamic(TWICE, "loyal")
    loyal_gold = dynamic(Every((InSegment("loyal"), GOLD)), "loyal gold")
    others = dynamic(Negated(InSegment("loyal gold")), "others")
    told = Followed(others, loyal_gold, loyal)
    told.feed(told.write.profile(0, profile_data={"plan": "gold"}))
    told.feed(told.write.event("buy", 10), told.write.event("buy", 20))
    assert [(change.segment_id, change.kind) for change in told.changes] == [
        ("others", "added"),
        ("loyal", "added"),
        ("loyal gold", "added"),
        ("others", "removed"),
    ]
    assert [change.sequence for change in told.changes] == [2, 3, 4, 5]


def test_a_live_segment_that_fires_turns_who_asks_for_it():
    told = Followed(left_cart(), dynamic(Every((InSegment("left"), Did(0, "add", at_least=2)))))
    told.feed(told.write.event("add", 0), told.write.event("add", 10))
    told.tick(200)
    assert [(change.segment_id, change.occurred_at_ms - START_MS) for change in told.changes] == [
        ("left", 100),
        ("dyn", 100),
    ]
    assert told.event("buy", 210) == [("removed", "contradicted", 210), ("removed", "no_longer_matches", 210)]


def test_a_repeat_of_an_event_counts_once():
    told = Followed(dynamic(TWICE))
    told.event("buy", 0, event_id="e1")
    assert told.event("buy", 0, 10, event_id="e1") == []


def test_an_erased_profile_is_nobody():
    told = Followed(dynamic(NEVER))
    told.event("buy", 0)
    told.tick(200)
    told.feed(told.write.erase(210))
    assert told.told[-1] == ("removed", "erased", 210)
    told.drain()
    assert len(told.partition) == 0


def test_no_more_than_the_newest_that_decide_are_kept():
    told = Followed(dynamic(Every((TWICE, Did(1, "buy", {}, 0, 4)))))
    told.feed(*(told.write.event("buy", at_ms) for at_ms in range(50)))
    (entries,) = told.partition.state_of("ada").performed.values()
    assert [at_ms - START_MS for at_ms, _ in entries] == [49, 48, 47, 46, 45]


def test_leaves_that_ask_for_the_same_events_share_what_is_kept():
    rules = [Did(0, "buy", at_least=count, within_ms=window) for count in (1, 2, 3) for window in (50, 100)]
    told = Followed(*(dynamic(rule, f"d{number}") for number, rule in enumerate(rules)))
    told.event("buy", 0)
    assert len(told.partition.state_of("ada").performed) == 1


def test_who_is_counted_no_more_is_forgotten():
    told = Followed(dynamic(TWICE))
    told.event("buy", 0)
    told.drain()
    assert len(told.partition) == 0


def test_what_a_deleted_segment_counted_is_let_go():
    told = Followed(dynamic(NEVER))
    told.event("buy", 0)
    told.drain()
    told.adopt(dynamic(NEVER, deleted=True))
    told.tick(10_000)
    assert told.told[-1][:2] == ("removed", "definition_deleted")
    told.drain()
    assert len(told.partition) == 0


def test_members_are_judged_again_silently_when_their_segment_is_edited():
    told = Followed(dynamic(TWICE), dynamic(InSegment("dyn"), "asks"))
    told.feed(told.write.event("buy", 0), told.write.event("buy", 40))
    told.adopt(dynamic(Did(0, "sell"), version=2), dynamic(InSegment("dyn"), "asks"))
    told.tick(50)
    removed = told.changes[2:]
    assert [(change.segment_id, change.reason, change.webhook) for change in removed] == [
        ("dyn", "definition_changed", False),
        ("asks", "no_longer_matches", False),
    ]


class HandedOver(Told):
    """A partition that had events before its dynamic segment came."""

    def __init__(self, rule, **options):
        super().__init__(**options)
        self.rule = rule
        self.sent = 0

    def begin(self, events_offset=7):
        self.adopt(dynamic(self.rule))
        self.partition.adopted(events_offset)
        return self.partition.take_handovers()

    def send(self, *commands, arrival_ms=0):
        records = []
        for command in commands:
            self.sent += 1
            record = self.write.record("", encode(command), arrival_ms)
            records.append(record._replace(offset=self.sent, key=key_of(command)))
        return self._keep(self.partition.obey(records))

    def backfill(self, *entries, profile="ada"):
        return Backfill(profile, "dyn", 1, 7, (Performed(0, tuple((START_MS + at, offset) for at, offset in entries)),))


def test_a_segment_that_is_building_remembers_and_decides_nothing():
    told = HandedOver(TWICE)
    (adopted,) = told.begin()
    assert (adopted.segment_id, adopted.events_offset, adopted.ready_offset) == ("dyn", 7, -1)
    told.feed(told.write.event("buy", 0), told.write.event("buy", 40))
    assert told.changes == []


def test_what_was_handed_over_and_what_came_since_are_one_history():
    told = HandedOver(Did(0, "buy", at_least=3, within_ms=1_000))
    told.begin()
    told.event("buy", 40)
    known = told.partition.state_of("ada").performed
    offset = next(iter(known.values()))[0][1]
    assert told.send(told.backfill((10, -2), (20, -1), (40, offset))) == []
    assert told.send(Ready("dyn", 1, 7), arrival_ms=60) == []
    assert told.tick(70) == [("added", "matched", 60)]
    assert told.changes[0].webhook is False
    assert [(one.ready_offset, one.judged) for one in told.partition.take_handovers()] == [(2, False), (2, True)]


def test_receivers_hear_of_the_backfill_if_that_was_wanted():
    told = HandedOver(Did(0, "buy"))
    told.begin()
    told.send(told.backfill((10, -2)), Ready("dyn", 1, 7, webhook=True))
    told.tick(70)
    assert [change.webhook for change in told.changes] == [True]
    told.event("buy", 80, profile="bob")
    assert [change.webhook for change in told.changes] == [True, True]


def test_profiles_are_judged_in_bounded_batches_and_before_anything_else_happens_to_them():
    told = HandedOver(Did(0, "buy", at_least=1, within_ms=1_000))
    told.begin()
    names = [f"p{number}" for number in range(5)]
    told.send(*(told.backfill((10, -9), profile=name) for name in names), Ready("dyn", 1, 7))
    assert len(told.tick(20, sweep=2)) == 2
    told.event("buy", 30, profile="p0")
    assert [change.webhook for change in told.changes] == [False] * 3
    assert len(told.tick(40, sweep=10)) == 2


def test_what_ran_out_before_a_profile_was_judged_is_told_too():
    told = HandedOver(Condition("since", "within_last", 150 / DAY_MS))
    told.feed(told.write.profile(0, profile_data={"since": START_MS - 50}))
    told.begin()
    told.send(Ready("dyn", 1, 7), arrival_ms=10)
    told.event("noise", 150, profile="bob")
    assert told.tick(151) == [("added", "matched", 10), ("removed", "no_longer_matches", 100)]


def test_where_no_event_was_ever_written_a_segment_decides_at_once():
    told = HandedOver(Did(0, "buy"))
    (adopted,) = told.begin(events_offset=0)
    assert (adopted.ready_offset, adopted.judged) == (0, True)
    assert told.event("buy", 5) == [("added", "matched", 5)]


def test_a_hand_over_of_something_else_is_void_or_refused():
    told = HandedOver(Did(0, "buy"))
    told.begin()
    told.send(Backfill("ada", "gone", 1, 7), Ready("gone", 1, 7), Ready("dyn", 9, 7))
    assert told.refused == []
    told.send(Backfill("ada", "dyn", 1, 7, (Performed(3, ((START_MS, 1),)),)))
    told.adopt(dynamic(Did(0, "buy")), left_cart())
    told.send(Ready("left", 1, 7), Backfill("ada", "left", 1, 7))
    told.send(Ready("dyn", 1, 6))
    assert [reason for reason, _ in told.refused] == ["bad_field"] * 4


@pytest.mark.parametrize("rule", [Did(0, "buy"), Either((GOLD, InSegment("left")))])
def test_triggers_name_what_happened(rule):
    told = Followed(dynamic(rule), left_cart())
    told.feed(told.write.profile(0, profile_data={"plan": "gold"}), told.write.event("buy", 1, event_id="e"))
    assert told.changes[0].cause in {("e",), ("octyseg.events-0-0",)}


def test_who_is_known_by_an_event_that_had_left_the_window_is_one_of_those_who_did_nothing_in_it():
    told = Followed(dynamic(Did(0, "buy", at_least=0, at_most=0, within_ms=50)))
    assert told.event("buy", 0, 100) == [("added", "matched", 0)]


@pytest.mark.parametrize("member", [True, False])
def test_nobody_is_in_a_segment_that_is_gone_nor_known_to_be_outside(member):
    told = Followed(dynamic(Every((Did(0, "buy"), InSegment("", member=member)))))
    assert told.event("buy", 0) == []
