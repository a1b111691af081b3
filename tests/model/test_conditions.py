"""Conditions on profiles: what is a condition, which value fits which operator, which trees can be decided."""

import pytest

from octyseg.model.definitions.conditions import PerformedCondition
from tests.model.written import DYNAMIC, LIVE_1, both, changed, only, problems, read

HEAD = DYNAMIC[: DYNAMIC.index("    conditions")]


def dynamic(condition, name="Regulars"):
    """A dynamic segment with one condition in line 5."""
    return changed(HEAD, ("Regulars", name)) + f"    conditions: {condition}\n"


def test_a_tree_of_all_any_not_and_leaves_is_read():
    tree = only(DYNAMIC).conditions
    assert [type(leaf).__name__ for leaf in tree.all] == ["AttributeCondition", "PerformedCondition"]
    assert tree.all[1].count.at_least == 3
    assert tree.all[1].within.days == 60


@pytest.mark.parametrize("within", ["ever", "{between: ['2026-01-01T00:00:00Z', '2026-02-01T00:00:00+01:00']}"])
def test_performed_may_count_ever_or_between_two_instants(within):
    assert only(dynamic(f"{{performed: charged, within: {within}}}")).conditions.performed == "charged"


def test_performed_means_at_least_once_and_ever_unless_it_says_otherwise():
    assert only(dynamic("{performed: charged}")).conditions == PerformedCondition(performed="charged")
    assert PerformedCondition(performed="charged").count.at_least == 1


def test_an_unknown_event_type_in_a_condition_is_a_warning():
    (warning,) = read(dynamic("{performed: page}")).warnings
    assert warning.startswith("segments.yaml:5:18: Regulars: V16: page is not a known event type")


VALUES = {
    "eq": ("gold", "[gold]"),
    "ne": ("true", "{days: 1}"),
    "gt": ("5", "true"),
    "gte": ("b", "[1]"),
    "lt": ("-1.5", "{}"),
    "lte": ("0", "false"),
    "in": ("[gold, 1, true]", "gold"),
    "not_in": ("[gold]", "[]"),
    "contains": ("old", "[old]"),
    "starts_with": ("go", "5"),
    "ends_with": ("ld", "''"),
    "before": ("'2026-05-18T17:26:45Z'", "'2026-05-18T17:26:45'"),
    "after": ("'2026-05-18T17:26:45+02:00'", "tomorrow"),
    "within_last": ("{days: 3}", "{days: 0}"),
    "more_than_ago": ("{hours: 1.5}", "{days: 1, hours: 2}"),
}


@pytest.mark.parametrize("operator", VALUES)
def test_an_operator_takes_the_value_that_fits_it(operator):
    value = VALUES[operator][0]
    assert only(dynamic(f"{{attribute: profile_data.plan, operator: {operator}, value: {value}}}"))


@pytest.mark.parametrize("operator", VALUES)
def test_an_operator_refuses_the_value_that_does_not_fit_it(operator):
    value = VALUES[operator][1]
    lines = problems(dynamic(f"{{attribute: profile_data.plan, operator: {operator}, value: {value}}}"))
    assert len(lines) == 1
    assert f"but {operator} needs " in lines[0]


@pytest.mark.parametrize("operator", VALUES)
def test_an_operator_without_its_value_is_refused(operator):
    (line,) = problems(dynamic(f"{{attribute: profile_data.plan, operator: {operator}}}"))
    assert f"5:17: Regulars: condition: value is missing: {operator} needs " in line


@pytest.mark.parametrize("operator", ["exists", "not_exists"])
def test_exists_takes_no_value(operator):
    leaf = f"{{attribute: status, operator: {operator}}}"
    assert only(dynamic(leaf))
    (line,) = problems(dynamic(leaf.replace("}", ", value: 5}")))
    assert line.endswith(f"value is the number 5, but {operator} takes no value: remove it")


@pytest.mark.parametrize("path", ["profile_data.a.b", "platform_info.os", "customer_id", "has_charged", "plan"])
def test_a_path_leads_to_an_attribute(path):
    assert only(dynamic(f"{{attribute: {path}, operator: exists}}")).conditions.attribute == path


@pytest.mark.parametrize("path", ["profile_data", "platform_info", "profile_data.", "a..b", "''", r'"a\nb"'])
def test_a_path_that_leads_nowhere_is_refused(path):
    (line,) = problems(dynamic(f"{{attribute: {path}, operator: exists}}"))
    assert "is no attribute of a profile: write profile_data.<key>, platform_info.<key>, " in line


REFUSED = {
    "{performd: charged}": "5:5: Regulars: condition: a block of keys is no condition: did you mean performed?",
    "5": "5:5: Regulars: condition: the number 5 is no condition: "
    "write one of all, any, not, attribute, performed, segment",
    "{all: []}": "5:18: Regulars: condition: all needs a list of conditions: write at least one below it",
    "{any: {segment: a}}": "5:18: Regulars: condition: any needs a list of conditions: write at least one below it",
    "{all: [{segment: a}, 5]}": "5:38: Regulars: condition: the number 5 is no condition: "
    "write one of all, any, not, attribute, performed, segment",
    "{attribute: plan, operator: is, value: 5}": '5:35: Regulars: shape: operator is the text "is": write eq, ne, gt, '
    "gte, lt, lte, in, not_in, contains, starts_with, ends_with, exists, not_exists, before, after, within_last or "
    "more_than_ago",
    "{attribute: plan}": "5:17: Regulars: shape: operator is missing: add it",
    "{segment: a, member: true}": "5:30: Regulars: key: unknown key member: "
    "remove it, known here are operator, segment",
    "{performed: charged, count: {atLeast: 0}}": "5:38: Regulars: condition: a count is below 1: "
    "write at_most 0, or exactly 0, for an event that never came",
    "{performed: charged, count: {atLeast: 1001}}": "5:38: Regulars: condition: a count is above 1,000: "
    "so many events of a profile are counted at most",
    "{performed: charged, count: {exactly: 1, atMost: 2}}": "5:38: Regulars: condition: exactly stands alone: "
    "remove at_least and at_most",
    "{performed: charged, count: {atLeast: 3, atMost: 2}}": "5:38: Regulars: condition: "
    "at_least 3 is more than at_most 2: exchange them",
    "{performed: charged, within: {days: 3651}}": "5:38: Regulars: condition: within is not a length of time: write "
    "minutes, hours or days (at most 3650 days), between with two instants, or ever",
    "{performed: charged, within: {between: ['2026-02-01T00:00:00Z', '2026-01-01T00:00:00Z']}}": "5:38: Regulars: "
    "condition: within is not a length of time: write minutes, hours or days (at most 3650 days), between with two "
    "instants, or ever",
    "{performed: charged, properties: {item_id: [1, 2]}}": "5:51: Regulars: condition: item_id has more than one "
    "value: compare it with one text, number, true or false",
}


@pytest.mark.parametrize("condition", REFUSED)
def test_a_condition_that_cannot_be_decided_is_refused(condition):
    assert f"segments.yaml:{REFUSED[condition]}" in problems(dynamic(condition))


def test_a_tree_has_a_limit():
    (line,) = problems(dynamic("{any: [" + "{segment: a}, " * 100 + "]}"))
    assert line == "segments.yaml:5:5: Regulars: condition: there are 101 conditions: use at most 100"


def test_a_circle_of_segments_is_refused_and_shown():
    text = both(dynamic("{segment: B}", "A"), dynamic("{not: {segment: A}}", "B"))
    assert problems(text) == [
        "segments.yaml:3:5: A: cycle: it depends on itself (A -> B -> A): remove one of these conditions"
    ]


def test_a_long_circle_is_told_once_and_a_segment_before_it_not_at_all():
    asked = {"A": "B", "B": "C", "C": "D", "D": "B"}
    text = dynamic("{not: {segment: B}}", "A")
    for name in ("B", "C", "D"):
        text = both(text, dynamic(f"{{segment: {asked[name]}}}", name))
    (line,) = problems(text)
    assert "6:5: B: cycle: it depends on itself (B -> C -> D -> B)" in line


def test_a_segment_that_asks_for_itself_is_refused():
    (line,) = problems(dynamic("{segment: A, operator: not_in}", "A"))
    assert "A: cycle: it depends on itself (A -> A)" in line


def test_segments_may_depend_on_each_other_without_a_circle():
    text = both(both(dynamic("{segment: B}", "A"), dynamic("{segment: Fresh complaint}", "B")), LIVE_1)
    assert len(read(text).segments) == 3


def test_a_misspelt_path_is_named_where_it_stands_in_profile_conditions():
    text = LIVE_1 + "    profileConditions:\n      - {attribute: plan, operator: near, value: 5}\n      - plan\n"
    first, second = problems(text)
    assert first.startswith('segments.yaml:12:27: Fresh complaint: shape: operator is the text "near": write eq,')
    assert second == (
        'segments.yaml:13:9: Fresh complaint: shape: profileConditions, item 2, is the text "plan": '
        "write a block of keys and values"
    )
