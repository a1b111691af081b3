"""Merged profiles, one story each: child and parent in partitions of their own, and what goes from one to the other."""

import json

import pytest

from octyseg.model.command import Backfill, Forward, Membership, Performed, Union, encode, key_of
from octyseg.model.segment import Condition, Segment, Step
from octyseg.model.segment import Performed as Did
from tests.engine.story import GRACE_MS, START_MS, Told, left_cart, segment
from tests.engine.test_dynamic_segments import dynamic
from tests.engine.test_membership import GUESTS


class Side(Told):
    """One partition; `sent` are the commands it wants to have sent."""

    def __init__(self, number, segments):
        super().__init__(*segments)
        self.partition.number = number
        self.partition.following.handovers.need_none()
        self.sent = []
        self.asked = 0

    def _keep(self, decided):
        self.sent += decided.sent
        return super()._keep(decided)

    def merge(self, into, at_ms, profile="ada"):
        value = {"type": "merge", "profile_id": profile, "into": into, "created_at": START_MS + at_ms}
        return self.feed(self.write.record(profile, value, at_ms))

    def take(self, command, arrival_ms, *, again=False):
        self.asked += not again
        record = self.write.record("", encode(command), arrival_ms)
        return self._keep(self.partition.obey([record._replace(offset=self.asked, key=key_of(command))]))

    def state(self, profile):
        return self.partition.state_of(profile)


class Both:
    """Ada is the child, in partition 1; Bob is the parent, in partition 0."""

    def __init__(self, *segments):
        self.ada = Side(1, segments)
        self.bob = Side(0, segments)

    def hand_over(self, arrival_ms=0):
        """Everything ada's partition wants to have sent arrives at bob's."""
        sent, self.ada.sent = self.ada.sent, []
        changes = []
        for command in sent:
            changes += self.bob.take(command, arrival_ms)
        return changes


def test_tags_go_over_with_their_earliest_entry_and_no_receiver_hears_of_it():
    both = Both(segment(Step("buy")), segment(Step("add"), segment_id="added"))
    both.ada.feed(both.ada.write.event("buy", 5), both.ada.write.event("add", 6))
    both.bob.event("buy", 3, profile="bob")
    assert both.ada.merge("bob", 20) == [("removed", "merged", 20), ("removed", "merged", 20)]
    assert both.hand_over(30) == [("added", "merged", 20)]
    assert [change.webhook for change in (*both.ada.changes[2:], *both.bob.changes[1:])] == [False] * 3
    entered = {tag.segment_id: tag.created_at_ms - START_MS for tag in both.bob.state("bob").tags}
    assert entered == {"left": 3, "added": 6}
    child = both.ada.state("ada")
    assert (child.merged_into, child.tags, child.instances) == ("bob", [], [])


def test_an_open_sequence_keeps_its_anchor_and_fires_for_the_parent():
    both = Both(left_cart())
    both.ada.event("add", 0, event_id="e1")
    both.ada.merge("bob", 20)
    both.hand_over(20)
    both.bob.tick(101 + GRACE_MS)
    (change,) = both.bob.changes
    assert (change.profile_id, change.kind, change.cause, change.occurred_at_ms) == (
        "bob",
        "added",
        ("e1",),
        START_MS + 100,
    )
    both.ada.drain()
    assert both.ada.changes == []


@pytest.mark.parametrize("bought_at_ms", [-1, 0, 100, 101])
def test_of_what_was_done_on_the_other_side_the_frame_counts_with_both_its_ends(bought_at_ms):
    both = Both(left_cart())
    both.ada.event("add", 0)
    both.bob.event("buy", bought_at_ms, profile="bob")
    both.ada.merge("bob", 110)
    both.hand_over(110)
    both.bob.drain()
    assert bool(both.bob.changes) == (bought_at_ms not in {0, 100})


@pytest.mark.parametrize("who", ["parent before", "parent before, and longer ago", "child after", "parent after"])
def test_an_open_sequence_is_cancelled_if_either_side_did_the_inaction(who):
    both = Both(left_cart())
    both.ada.event("add", 0)
    if "parent before" in who:
        both.bob.event("buy", 10, profile="bob")
    if "longer ago" in who:
        both.bob.event("buy", -5, 12, profile="bob")
    both.ada.merge("bob", 20)
    both.hand_over(20)
    if who == "child after":
        both.ada.event("buy", 30)
        both.hand_over(30)
    if who == "parent after":
        both.bob.event("buy", 30, profile="bob")
    both.bob.drain()
    assert both.bob.changes == []


def test_an_open_sequence_of_the_parent_is_cancelled_by_what_the_child_did():
    both = Both(left_cart())
    both.bob.event("add", 0, profile="bob")
    both.ada.event("buy", 10)
    both.ada.merge("bob", 20)
    both.hand_over(20)
    both.bob.drain()
    assert both.bob.changes == []


def test_of_two_open_sequences_the_segments_rule_for_repeats_keeps_one():
    for on_repeat, anchors in (("ignore", ["b"]), ("restart", ["a"]), ("parallel", ["b", "a"])):
        both = Both(left_cart(on_repeat=on_repeat))
        both.bob.event("add", 0, profile="bob", event_id="b")
        both.ada.event("add", 5, event_id="a")
        both.ada.merge("bob", 20)
        both.hand_over(20)
        assert [one.anchor for one in both.bob.state("bob").instances] == anchors


def test_what_dynamic_segments_count_is_counted_together():
    both = Both(dynamic(Did(0, "buy", at_least=3, at_most=3)))
    both.ada.feed(both.ada.write.event("buy", 0), both.ada.write.event("buy", 5))
    both.bob.feed(both.bob.write.event("buy", 2, profile="bob"))
    both.ada.merge("bob", 20)
    assert both.hand_over(20) == [("added", "merged", 20)]
    assert both.bob.changes[0].webhook is False
    both.ada.event("buy", 30)
    assert both.hand_over(31) == [("removed", "no_longer_matches", 30)]
    assert both.bob.changes[1].webhook is True


def test_later_records_of_the_child_are_the_parents():
    both = Both(segment(Step("buy")), dynamic(Condition("plan", "eq", "gold")))
    both.ada.event("buy", 0)
    both.ada.merge("bob", 20)
    both.ada.event("buy", 30, event_id="e3")
    both.ada.feed(both.ada.write.profile(40, profile_data={"plan": "gold"}))
    both.ada.event("noise", 41)
    assert [type(one) for one in both.ada.sent] == [Union, Forward, Forward]
    assert both.hand_over(50) == [("added", "merged", 20), ("refreshed", "matched", 30), ("added", "matched", 40)]
    assert both.bob.changes[1].cause == ("e3",)
    assert both.bob.state("bob").profile_data == {"plan": "gold"}


def test_what_both_say_of_themselves_the_parent_says():
    both = Both(left_cart())
    both.ada.feed(
        both.ada.write.profile(0, customer_id="c-1", profile_data={"plan": "tin", "city": "Ulm"}, has_charged=True)
    )
    both.bob.feed(both.bob.write.profile(5, profile="bob", profile_data={"plan": "gold"}))
    both.ada.merge("bob", 20)
    both.hand_over(20)
    state = both.bob.state("bob")
    assert (state.customer_id, state.has_charged) == ("c-1", True)
    assert state.profile_data == {"plan": "gold", "city": "Ulm"}
    assert (state.created_at_ms, state.updated_at_ms) == (START_MS, START_MS + 5)


def test_what_comes_twice_is_taken_over_once():
    both = Both(segment(Step("buy")), dynamic(Did(0, "buy", at_least=2, at_most=2)))
    both.ada.event("buy", 0)
    both.ada.merge("bob", 20)
    both.ada.event("buy", 30)
    sent = list(both.ada.sent)
    both.hand_over(40)
    told = list(both.bob.told)
    for command in sent:
        both.bob.take(command, 50)
        both.bob.take(command, 50, again=True)
    assert both.bob.told == told
    assert both.bob.partition.state_of("bob").tags[-1].segment_id == "dyn"


def test_the_child_hands_itself_over_again_until_no_repeat_of_the_record_can_come():
    both = Both(segment(Step("buy")))
    event, merge = (
        both.ada.write.event("buy", 0),
        both.ada.write.record("ada", {"type": "merge", "profile_id": "ada", "into": "bob"}, 20),
    )
    both.ada.feed(event, merge)
    (first,) = both.ada.sent
    _, outcome = both.ada.outcomes[-1]
    after = Side(1, (segment(Step("buy")),))
    after.partition.restore("ada", outcome.state, outcome.sequence, outcome.events_offset)
    after.feed(event, merge)
    assert after.sent == [first]
    assert after.changes == []
    after.partition.committed(2)
    after.tick(30)
    after.tick(31)
    assert after.state("ada").handing is None
    assert after.state("ada").merged_into == "bob"


def test_who_merged_on_by_a_command_hands_itself_over_again_until_that_is_committed():
    both = Both(segment(Step("buy")))
    both.bob.event("buy", 0, profile="bob")
    both.ada.merge("bob", 0)
    both.hand_over(0)
    both.ada.merge("cleo", 10)
    (forwarded,) = both.ada.sent
    both.bob.take(forwarded, 10)
    (first,) = both.bob.sent
    _, outcome = both.bob.outcomes[-1]
    after = Side(0, (segment(Step("buy")),))
    after.partition.restore("bob", outcome.state, outcome.sequence, outcome.events_offset, outcome.commands_offset)
    after.asked = outcome.commands_offset
    # Of its events none can come again, of its commands this one.
    after.partition.committed(1, outcome.commands_offset)
    after.tick(30)
    after.tick(31)
    after.take(forwarded, 10, again=True)
    assert after.sent == [first]
    after.partition.committed(1, outcome.commands_offset + 1)
    after.tick(40)
    assert after.state("bob").handing is None


def test_a_child_that_had_to_be_quiet_is_quiet_as_its_parent():
    both = Both(segment(Step("view", within_ms=10), Step("buy", inaction=True), cooldown_ms=100))
    both.ada.event("view", 0)
    both.ada.tick(40)
    both.ada.event("buy", 50)
    both.ada.merge("bob", 55)
    both.hand_over(55)
    both.bob.event("view", 60, profile="bob")
    both.bob.event("view", 110, profile="bob")
    both.bob.drain()
    assert both.bob.told == [("added", "matched", 120)]


def test_a_merge_into_who_was_merged_into_it_is_refused():
    both = Both(left_cart())
    both.ada.merge("bob", 20)
    both.hand_over(20)
    both.bob.merge("ada", 30, profile="bob")
    both.bob.merge("bob", 31, profile="bob")
    both.bob.merge("a\tb", 32, profile="bob")
    assert [reason for reason, _ in both.bob.refused] == ["merge_loop", "merge_loop", "bad_profile_id"]
    assert both.bob.state("bob").merged_into is None


def test_two_that_are_merged_into_each_other_at_once_are_one_in_the_end():
    both = Both(dynamic(Did(0, "buy", at_least=2, at_most=2)))
    both.ada.event("buy", 0)
    both.bob.event("buy", 1, profile="bob")
    both.ada.merge("bob", 20)
    both.bob.merge("ada", 20, profile="bob")
    for _ in range(10):
        to_bob, both.ada.sent = both.ada.sent, []
        to_ada, both.bob.sent = both.bob.sent, []
        for command in to_bob:
            both.bob.take(command, 30)
        for command in to_ada:
            both.ada.take(command, 30)
    assert (both.ada.sent, both.bob.sent) == ([], [])
    assert both.ada.state("ada").merged_into is None
    assert both.bob.state("bob").merged_into == "ada"
    assert [tag.segment_id for tag in both.ada.state("ada").tags] == ["dyn"]


def test_a_grandchild_goes_all_the_way():
    both = Both(segment(Step("buy")))
    both.ada.event("buy", 0)
    both.ada.merge("bob", 20)
    both.bob.merge("cleo", 10, profile="bob")
    both.bob.sent.clear()
    both.hand_over(30)
    (command,) = both.bob.sent
    assert (command.profile_id, command.child, command.path) == ("cleo", "ada", ("bob",))


def test_an_erasure_of_the_child_is_one_of_the_parent():
    both = Both(segment(Step("buy")))
    both.bob.event("buy", 0, profile="bob")
    both.ada.merge("bob", 20)
    both.ada.feed(both.ada.write.erase(40))
    both.hand_over(50)
    assert both.bob.told[-1] == ("removed", "erased", 40)
    assert both.bob.outcomes[-1][1].state is None


def test_members_by_command_are_asked_for_where_the_child_went():
    both = Both(GUESTS, dynamic(Did(0, "buy", at_least=2)))
    both.ada.merge("bob", 20)
    both.ada.sent.clear()
    assert both.ada.take(Membership("ada", "guests", 1, True, "imported", START_MS, "u"), 30) == []
    both.ada.take(Backfill("ada", "dyn", 1, 9, (Performed(0, ((START_MS, 3), (START_MS + 1, 4))),)), 30)
    assert both.hand_over(40) == [("added", "matched", 40)]


def test_a_static_list_goes_over():
    both = Both(GUESTS)
    both.ada.take(Membership("ada", "guests", 1, True, "imported", START_MS, "u"), 10)
    both.ada.merge("bob", 20)
    assert both.hand_over(30) == [("added", "merged", 20)]


def test_a_command_of_another_segment_version_leaves_its_tag_behind():
    old = Segment("guests", "Guests", 1, "static")
    both = Both(old)
    both.ada.take(Membership("ada", "guests", 1, True, "imported", START_MS, "u"), 10)
    both.ada.merge("bob", 20)
    both.bob.adopt(Segment("guests", "Guests", 2, "static", matching_since=2))
    assert both.hand_over(30) == []


def test_what_is_sent_can_be_read_back():
    both = Both(left_cart())
    both.ada.event("add", 0)
    both.ada.merge("bob", 20)
    both.ada.event("buy", 30)
    union, forward = both.ada.sent
    assert json.loads(encode(union))["type"] == "union"
    assert json.loads(forward.record)["event_type"] == "buy"
