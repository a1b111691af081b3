"""Operators on attributes, as a table; what is missing never admits, except for not_exists."""

import pytest

from octyseg.engine.conditions import admits, amount_ms
from octyseg.model.segment import DAY_MS, Condition

NOW_MS = 1_700_000_000_000
NOW = "2023-11-14T22:13:20Z"
ATTRIBUTES = {
    "customer_id": "c1",
    "status": "active",
    "has_charged": False,
    "profile_data": {
        "plan": "gold",
        "age": 40,
        "rate": 2.5,
        "vip": True,
        "cities": ["Oslo", "Rome", 7],
        "address": {"city": "Oslo", "zip": None},
        "since": "2023-11-13T22:13:20Z",
        "since_ms": NOW_MS - DAY_MS,
        "nothing": None,
        "status": "hidden behind the profile's own",
    },
    "platform_info": {"os": "ios"},
}


@pytest.mark.parametrize(
    ("path", "operator", "value", "admitted"),
    [
        ("plan", "eq", "gold", True),
        ("plan", "eq", "Gold", False),
        ("age", "eq", 40.0, True),
        ("age", "eq", "40", False),
        ("vip", "eq", 1, False),
        ("plan", "ne", "tin", True),
        ("plan", "ne", "gold", False),
        ("vip", "ne", 1, True),
        ("age", "gt", 39, True),
        ("age", "gt", 40, False),
        ("age", "gte", 40, True),
        ("age", "lt", 40.5, True),
        ("age", "lte", 39, False),
        ("rate", "lte", 2.5, True),
        ("plan", "gt", "bronze", True),
        ("plan", "lt", 5, False),
        ("age", "gt", "1", False),
        ("vip", "gt", 0, False),
        ("age", "gt", False, False),
        ("cities", "gt", 1, False),
        ("plan", "in", ["tin", "gold"], True),
        ("plan", "in", ["tin"], False),
        ("vip", "in", [1], False),
        ("age", "in", [40.0], True),
        ("plan", "in", "gold digger", False),
        ("plan", "not_in", ["tin"], True),
        ("plan", "not_in", ["gold"], False),
        ("plan", "contains", "ol", True),
        ("plan", "contains", "OL", False),
        ("plan", "contains", 1, False),
        ("cities", "contains", "Rome", True),
        ("cities", "contains", "Ro", False),
        ("cities", "contains", 7.0, True),
        ("age", "contains", 4, False),
        ("plan", "starts_with", "go", True),
        ("plan", "starts_with", "ld", False),
        ("plan", "starts_with", 1, False),
        ("age", "starts_with", "4", False),
        ("plan", "ends_with", "ld", True),
        ("plan", "ends_with", "go", False),
        ("plan", "exists", None, True),
        ("vip", "exists", None, True),
        ("has_charged", "exists", None, True),
        ("plan", "not_exists", None, False),
        ("has_charged", "eq", False, True),
        ("status", "eq", "active", True),
        ("customer_id", "eq", "c1", True),
        ("platform_info.os", "eq", "ios", True),
        ("profile_data.plan", "eq", "gold", True),
        ("address.city", "eq", "Oslo", True),
        ("profile_data.address.city", "eq", "Oslo", True),
    ],
)
def test_an_operator_admits(path, operator, value, admitted):
    assert admits(Condition(path, operator, value), ATTRIBUTES, NOW_MS) is admitted


@pytest.mark.parametrize("path", ["no", "nothing", "address.zip", "address.city.part", "plan.part", "platform_info.v"])
@pytest.mark.parametrize(
    ("operator", "value"),
    [
        ("eq", None),
        ("eq", "x"),
        ("ne", "x"),
        ("gt", 0),
        ("gte", 0),
        ("lt", 0),
        ("lte", 0),
        ("in", ["x", None]),
        ("not_in", ["x"]),
        ("contains", "x"),
        ("starts_with", ""),
        ("ends_with", ""),
        ("exists", None),
        ("before", NOW),
        ("after", NOW),
        ("within_last", 1),
        ("more_than_ago", 1),
    ],
)
def test_what_is_missing_never_admits_negated_or_not(path, operator, value):
    assert not admits(Condition(path, operator, value), ATTRIBUTES, NOW_MS)


@pytest.mark.parametrize("path", ["no", "nothing", "address.zip", "address.city.part", "plan.part", "platform_info.v"])
def test_only_not_exists_admits_absence(path):
    assert admits(Condition(path, "not_exists"), ATTRIBUTES, NOW_MS)


@pytest.mark.parametrize("path", ["since", "since_ms"])
@pytest.mark.parametrize(
    ("operator", "value", "admitted"),
    [
        ("before", NOW, True),
        ("before", "2023-11-13T22:13:20Z", False),
        ("before", "2023-11-13T23:13:20.001+01:00", True),
        ("before", NOW_MS, True),
        ("after", "2023-11-13T22:13:19.999Z", True),
        ("after", "2023-11-13T22:13:20Z", False),
        ("after", "2023-11-13", False),
        ("after", "yesterday", False),
        ("after", True, False),
        ("within_last", 1, False),
        ("within_last", {"hours": 24, "minutes": 1}, True),
        ("within_last", {"weeks": 1}, True),
        ("within_last", 0.5, False),
        ("more_than_ago", 1, True),
        ("more_than_ago", {"hours": 23}, True),
        ("more_than_ago", {"days": 2}, False),
    ],
)
def test_instants_compare_and_relative_ones_count_from_now(path, operator, value, admitted):
    assert admits(Condition(path, operator, value), ATTRIBUTES, NOW_MS) is admitted


def test_the_last_days_do_not_reach_into_the_future():
    assert not admits(Condition("since_ms", "within_last", 1), ATTRIBUTES, NOW_MS - DAY_MS - 1)


@pytest.mark.parametrize(
    ("value", "expected_ms"),
    [(1, DAY_MS), (0.5, DAY_MS // 2), ({"minutes": 5}, 300_000), ({"days": 1, "hours": 1}, DAY_MS + 3_600_000)],
)
def test_an_amount_is_days_or_named_units(value, expected_ms):
    assert amount_ms(value) == expected_ms


def test_values_that_are_no_dates_are_in_no_period():
    for operator in ("before", "after", "within_last", "more_than_ago"):
        assert not admits(Condition("plan", operator, 1), ATTRIBUTES, NOW_MS)
        assert not admits(Condition("vip", operator, 1), ATTRIBUTES, NOW_MS)
