"""What one profile may come to at most, whoever it is: its outcome has to fit into a record of the log."""

import pytest

from octyseg.engine.bounds import (
    ATTRIBUTE_BYTES,
    CHANGES_TOLD_AT_ONCE,
    CHILDREN_KNOWN,
    OPEN_INSTANCES,
    STATE_BYTES,
    fitted,
)
from octyseg.engine.state import Instance, ProfileState, decode_state, encode_state
from octyseg.model.command import Forward, Union, encode
from octyseg.model.outcome import encode as encode_outcome
from octyseg.model.segment import Step
from tests.engine.story import RULES, START_MS, TOPIC, Told, left_cart, segment
from tests.simulation.oracle import expected_changes

A_RECORD = 1_000_000
LONG_ID = "e" * 250


def largest(told):
    return max(len(encode_outcome(outcome)) for _, outcome in told.outcomes)


def test_the_oldest_of_too_many_sequences_goes():
    told = Told(left_cart(correlate_by="cart"))
    for number in range(OPEN_INSTANCES + 5):
        told.event("add", 0, properties={"cart": number})
    opened = told.partition.state_of("ada").instances
    assert [one.correlation for one in opened] == [str(number) for number in range(5, OPEN_INSTANCES + 5)]
    told.drain()
    assert len(told.changes) == OPEN_INSTANCES
    assert largest(told) < A_RECORD


@pytest.mark.parametrize("at_once", [1, 7, 500])
def test_many_changes_are_told_in_several_outcomes_however_they_came(at_once):
    told = Told(*(segment(Step("buy"), segment_id=f"bought {number}") for number in range(30)))
    events = [told.write.event("buy", number, event_id=f"{LONG_ID}{number}") for number in range(300)]
    for start in range(0, len(events), at_once):
        told.feed(*events[start : start + at_once])
    assert [change.sequence for change in told.changes] == list(range(1, 30 * 300 + 1))
    assert largest(told) < A_RECORD / 4
    each = [outcome for _, outcome in told.outcomes]
    assert all(len(one.changes) < CHANGES_TOLD_AT_ONCE + 30 for one in each)
    # Each has the state that its changes led to: who dies between two goes on where the first ends.
    states = [decode_state(one.state) for one in each]
    assert [one.sequence for one in states] == [one.changes[-1].sequence if one.changes else 9_000 for one in each]
    assert [one.events_offset for one in states] == [one.events_offset for one in each]


def test_attributes_beyond_their_bound_are_refused_and_taking_some_away_is_not():
    told = Told()
    for number in range(10):
        told.feed(told.write.profile(number, profile_data={f"k{number}": "x" * 10_000}))
    assert [reason for reason, _ in told.refused] == ["too_large"] * 4
    assert set(told.partition.state_of("ada").profile_data) == {f"k{number}" for number in range(6)}
    assert largest(told) < ATTRIBUTE_BYTES + 1_000
    told.feed(told.write.profile(20, profile_data={"k0": None}))
    told.feed(told.write.profile(21, platform_info={"k9": "x" * 10_000}))
    assert len(told.refused) == 4
    state = told.partition.state_of("ada")
    assert (len(state.profile_data), len(state.platform_info)) == (5, 1)


def forwarded(told, offset, **attributes):
    record = told.write.profile(0, profile="bob", **attributes)
    command = Forward("ada", "bob", 1, offset, START_MS, record.value)
    return told.write.record("ada", encode(command), 0)


def test_so_are_those_that_come_by_a_merged_profile():
    told = Told()
    refused = [
        told.partition.obey([forwarded(told, offset, profile_data={f"k{offset}": "x" * 30_000})]).refused
        for offset in range(3)
    ]
    assert [len(one) for one in refused] == [0, 0, 1]
    child = ProfileState(profile_data={"k0": 1, "its": "x" * 10_000}, customer_id="c")
    union = Union("ada", "eve", 2, 0, START_MS, encode_state(child))
    told.partition.obey([told.write.record("ada", encode(union), 0)])
    state = told.partition.state_of("ada")
    assert (sorted(state.profile_data), state.customer_id) == (["k0", "k1"], "c")


def test_the_first_of_too_many_merged_children_is_known_no_more():
    told = Told()
    for number in range(CHILDREN_KNOWN):
        union = Union("ada", f"child-{number}", 1, number, START_MS, encode_state(ProfileState()))
        told.partition.obey([told.write.record("ada", encode(union), 0)])
    united = told.partition.state_of("ada").united
    assert len(united) == CHILDREN_KNOWN
    assert {"child-600", f"child-{CHILDREN_KNOWN - 1}"} <= united.keys()
    assert "child-0" not in united


def test_long_values_tell_instances_apart_and_take_little_room():
    told = Told(left_cart(correlate_by="cart"))
    for end in "aab":
        told.event("add", 0, properties={"cart": "x" * 20_000 + end})
    told.event("buy", 1, properties={"cart": "x" * 20_000 + "a"})
    (left,) = told.partition.state_of("ada").instances
    assert len(left.correlation) == 32
    assert largest(told) < 1_000


def test_what_comes_past_all_bounds_is_made_to_fit():
    waiting = [Instance("left", 1, LONG_ID, number, 1, number, number, [LONG_ID] * 9) for number in range(1_000)]
    entries = [(number, number) for number in range(20_000, 0, -1)]
    state = ProfileState(instances=waiting, performed={7: entries}, united={str(one): [1] for one in range(9_000)})
    encoded = fitted(state)
    assert len(encoded) <= STATE_BYTES
    kept = decode_state(encoded)
    assert kept.instances[-1].anchor_ms == 999
    assert kept.performed[7][0] == (20_000, 20_000)
    assert "8999" in kept.united
    assert fitted(ProfileState(instances=waiting[:3])) == encode_state(ProfileState(instances=waiting[:3]))


def test_an_event_id_has_its_bound():
    told = Told(segment(Step("buy")))
    told.feed(*(told.write.event("buy", 0, event_id="e" * length) for length in (256, 257)))
    assert [reason for reason, _ in told.refused] == ["bad_field"]
    lot = [told.write.event("buy", 1, event_id=f"e{number}", profile=f"p{number}") for number in range(20)]
    lot[3] = told.write.event("buy", 1, event_id="e" * 257)
    assert len(told.partition.feed(TOPIC, lot).refused) == 1


def test_a_robot_leads_to_what_the_oracle_foretells():
    """It puts things into more carts than may be open at once, buys some of them, and leaves the others."""
    told = Told(left_cart(correlate_by="cart"))
    records = [told.write.event("add", number // 50, properties={"cart": number}) for number in range(1_500)]
    records += [told.write.event("buy", 31, properties={"cart": number}) for number in range(0, 1_500, 3)]
    for start in range(0, len(records), 400):
        told.feed(*records[start : start + 400])
    told.drain()
    expected = expected_changes([left_cart(correlate_by="cart")], records, RULES)["ada"]
    assert [change.change_id for change in told.changes] == [one.change_id for one in expected]
    assert len(expected) > 500
