"""What there may be nothing of: history, events of a profile, a property, an event type; and records out of line."""

import json

import pytest

from octyseg.errors import UsageError
from octyseg.history.evaluate import asked_in, evaluate
from octyseg.history.rows import lines_of, properties_of
from octyseg.history.source import of_lines
from octyseg.model.definitions.reading.loading import read_definitions
from tests.history.test_past import DAY_MS, NOW_MS, line, refuse, written

SEGMENTS = b"""
kind: segments
segmentDefinitions:
  - {segmentName: Past, segmentType: past, segmentSubtype: 1, segmentTimeframe: 3, eventSequence: [
      {eventType: buy, eventProperties: {nobody: has it}, actionInaction: action}]}
  - {segmentName: Never bought, segmentType: dynamic, conditions: {performed: buy, count: {atMost: 0}}}
  - {segmentName: No plan, segmentType: dynamic, conditions: {attribute: profile_data.plan, operator: not_exists}}
  - {segmentName: Other plan, segmentType: dynamic, conditions: {
      not: {attribute: profile_data.plan, operator: eq, value: gold}}}
"""


def members(*lines, as_of_ms=NOW_MS):
    asked = asked_in(read_definitions(SEGMENTS, "segments").segments)
    return evaluate(asked, of_lines(lines, as_of_ms, refuse), as_of_ms)


def profile(profile_id, **data):
    return line({"type": "profile", "profile_id": profile_id, "profile_data": data, "created_at": NOW_MS - 2 * DAY_MS})


def told(kind, profile_id, ago_ms, **fields):
    return line({"type": kind, "profile_id": profile_id, "created_at": NOW_MS - ago_ms, **fields})


def test_no_history_has_no_members():
    assert members() == {"Past": [], "Never bought": [], "No plan": [], "Other plan": []}


def test_a_profile_without_events_is_one_of_those_who_did_nothing():
    assert members(profile("ada")) == {"Past": [], "Never bought": ["ada"], "No plan": ["ada"], "Other plan": []}


def test_a_property_nobody_has_admits_nobody_and_what_is_missing_is_unknown():
    found = members(*written([("ada", 0, "buy", {"of": "x"}, None)]), profile("eve", plan="tin"))
    # Of ada nobody said anything, and no leaf of the other segments names what she did.
    assert found == {"Past": [], "Never bought": ["eve"], "No plan": [], "Other plan": ["eve"]}


def test_what_happens_later_is_not_known_yet():
    later = written([("ada", 1, "buy", {"nobody": "has it"}, None)])
    assert members(*later) == {"Past": [], "Never bought": [], "No plan": [], "Other plan": []}
    assert members(*later, as_of_ms=NOW_MS + 1)["Past"] == ["ada"]


def test_an_erased_profile_is_unknown_and_one_that_comes_back_is_new():
    buy = {"nobody": "has it"}
    first, again = written([("ada", -DAY_MS, "buy", buy, None), ("ada", 0, "buy", buy, None)])
    assert members(profile("ada", plan="tin"), first, told("erase", "ada", 9)) == {
        "Past": [],
        "Never bought": [],
        "No plan": [],
        "Other plan": [],
    }
    assert members(first, told("erase", "ada", 9), again)["Past"] == ["ada"]


def test_a_merged_profile_counts_for_who_it_is_now():
    (first,) = written([("child", -DAY_MS, "buy", {"nobody": "has it"}, None)])
    found = members(first, profile("child", plan="tin"), profile("ada"), told("merge", "child", 9, into="ada"))
    assert found == {"Past": ["ada"], "Never bought": [], "No plan": [], "Other plan": ["ada"]}


def test_a_segment_that_asks_for_a_live_one_is_named():
    text = b"""
kind: segments
segmentDefinitions:
  - {segmentName: Live, segmentType: live, segmentSubtype: 1, eventSequence: [
      {eventType: buy, actionInaction: action}]}
  - {segmentName: Asks, segmentType: dynamic, conditions: {segment: Live}}
"""
    with pytest.raises(UsageError, match='Asks: asks for segment "Live", and history alone does not say'):
        evaluate(asked_in(read_definitions(text, "x").segments), of_lines([], NOW_MS, refuse), NOW_MS)


@pytest.mark.parametrize(
    "properties",
    [{}, {"a": 1, "b": None}, {"ü\n": 'quoted "text"\n'}, {"deep": {"b": [1, {"c": 2.5}], "a": True}}, {"big": 10**30}],
)
def test_properties_come_back_from_their_lines(properties):
    text = lines_of(properties)
    assert properties_of(text) == properties
    assert text.count("\n") == (len(properties) + 1 if properties else 0), "no value breaks a line"


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        (1, 1.0, True),
        (0, -0.0, True),
        (1e22, 10**22, True),
        (1, True, False),
        (1, "1", False),
        (2**53 + 1, 2.0**53, False),
    ],
)
def test_lines_are_equal_exactly_where_values_are(left, right, same):
    assert (lines_of({"a": left}) == lines_of({"a": right})) is same
    assert json.loads(lines_of({"a": left}).strip().partition(":")[2]) == left
