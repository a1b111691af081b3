"""Definitions that change while profiles hold something of them: edits, deletions, bounded sweeps."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.model.segment import Step
from tests.engine.agreement import assert_agreement
from tests.engine.histories import records, segments
from tests.engine.story import RULES, START_MS, TOPIC, Told, left_cart, segment
from tests.engine.test_laws import drain
from tests.simulation.oracle import Revision, expected_changes
from tests.tries import tries


def test_an_edit_of_the_rules_takes_the_tags_back_without_webhooks():
    told = Told(segment(Step("buy")))
    told.event("buy", 0)
    told.adopt(segment(Step("view"), version=2, matching_since=2))
    assert told.tick(10) == [("removed", "definition_changed", 10)]
    assert told.changes[-1].webhook is False


def test_an_edit_that_changes_no_rule_keeps_tags_and_instances():
    told = Told(segment(Step("buy"), segment_id="bought"), left_cart())
    told.event("buy", 0)
    told.event("add", 10)
    told.adopt(segment(Step("buy"), segment_id="bought", version=2), left_cart(version=2))
    told.drain()
    assert told.told == [("added", "matched", 0), ("added", "matched", 110)]


def test_an_edit_cancels_open_instances_silently():
    told = Told(left_cart())
    told.event("add", 0)
    told.adopt(left_cart(version=2, matching_since=2))
    told.tick(10)
    told.drain()
    assert told.told == []


def test_a_deletion_takes_the_tags_back_and_says_when_none_is_left():
    told = Told(segment(Step("buy")), segment(Step("view"), segment_id="other"))
    for number in range(5):
        told.event("buy", number, profile=f"p{number}")
    told.adopt(segment(Step("buy"), deleted=True), segment(Step("view"), segment_id="other"))
    assert told.partition.take_swept() is None
    for at_ms in (10, 11, 12):
        told.tick(at_ms, sweep=2)
    assert [change.reason for change in told.changes[5:]] == ["definition_deleted"] * 5
    assert told.changes[-1].webhook is True
    assert told.partition.take_swept() == ("left",)
    assert told.partition.take_swept() is None
    assert told.event("buy", 20) == []


def test_each_deletion_is_told_when_no_tag_of_it_is_left():
    bought, viewed = segment(Step("buy"), segment_id="bought"), segment(Step("view"), segment_id="viewed")
    told = Told(bought, viewed)
    for number, gone in enumerate((("bought",), ("bought", "viewed"))):
        told.adopt(*(msgspec.structs.replace(one, deleted=one.segment_id in gone) for one in (bought, viewed)))
        told.tick(number)
        assert told.partition.take_swept() == gone


def test_a_profile_in_hand_when_the_sweep_reaches_it_keeps_its_other_changes():
    told = Told(segment(Step("buy"), segment_id="bought"), left_cart())
    told.event("buy", 0)
    told.event("add", 1)
    told.adopt(segment(Step("buy"), segment_id="bought", deleted=True), left_cart())
    told.tick(500)
    assert sorted(told.told[1:]) == [("added", "matched", 101), ("removed", "definition_deleted", 500)]


def test_a_restored_profile_that_the_catalog_outdates_is_swept():
    first = Told(segment(Step("buy")))
    first.event("buy", 0)
    _, outcome = first.outcomes[-1]
    second = Told(segment(Step("view"), version=2, matching_since=2))
    second.partition.restore("ada", outcome.state)
    assert second.tick(10) == [("removed", "definition_changed", 10)]


@st.composite
def edits(draw, held):
    """What may become of every segment: nothing, a new name, new rules, deletion."""
    edited = []
    for one in held:
        change = draw(st.sampled_from(["keep", "rename", "edit", "delete"]))
        replaced = {
            "keep": {},
            "rename": {"version": 2, "tag": "renamed"},
            "edit": {"version": 2, "matching_since": 2, "steps": (Step("view", within_ms=100), Step("buy"))},
            "delete": {"deleted": True},
        }[change]
        edited.append(msgspec.structs.replace(one, **replaced))
    return edited


@tries(150)
@given(segments(), records(), st.data())
def test_the_engine_agrees_with_the_oracle_across_an_edit(held, records, data):
    edited = data.draw(edits(held))
    cut = data.draw(st.integers(0, len(records)))
    partition = Partition(Catalog(held), RULES)
    outcomes = partition.feed(TOPIC, records[:cut]).outcomes
    # Time is told between two records, the edit is seen at that moment and swept at leisure.
    clock_ms = records[cut - 1].timestamp if cut else START_MS
    outcomes += partition.tick(clock_ms).outcomes
    partition.adopt(Catalog(edited))
    offset = records[cut].offset if cut < len(records) else records[-1].offset + 1
    revision = Revision(offset, clock_ms, edited)
    for record in records[cut:]:
        outcomes += partition.tick(clock_ms, sweep=data.draw(st.integers(0, 2))).outcomes
        outcomes += partition.feed(TOPIC, [record]).outcomes
    outcomes += partition.tick(clock_ms).outcomes + drain(partition)
    assert_agreement(outcomes, expected_changes(held, records, RULES, revisions=[revision]))
    assert partition.take_swept() is not None
