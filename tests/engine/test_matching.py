"""Strictness of matching, as a table: what a definition asks for against what an event brings."""

import pytest

from octyseg.engine.matching import correlation_of, matches, same

NAN = float("nan")


@pytest.mark.parametrize(
    ("wanted", "found", "alike"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (2**53 + 1, 2**53 + 1, True),
        (2**53 + 1, 2**53, False),
        (1, "1", False),
        ("1", 1, False),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (0.0, False, False),
        (True, True, True),
        (True, False, False),
        ("a", "a", True),
        ("a", "A", False),
        ("a", "a ", False),
        ("é", "e\u0301", False),
        ("", "", True),
        ("", None, False),
        (None, None, True),
        (None, "null", False),
        (None, 0, False),
        (None, False, False),
        (NAN, NAN, False),
        ([1, True], [1.0, True], True),
        ([1, True], [1, 1], False),
        ([1, 2], [2, 1], False),
        ([1], [1, 1], False),
        ({"a": 1}, {"a": 1.0}, True),
        ({"a": 1}, {"a": True}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({}, [], False),
        ([], {}, False),
        ([], "", False),
    ],
)
def test_values_are_the_same_only_in_type_and_value(wanted, found, alike):
    assert same(wanted, found) is alike
    assert matches({"p": wanted}, {"p": found}, as_text=False) is alike


@pytest.mark.parametrize(
    ("wanted", "found", "alike"),
    [
        ("5", 5, True),
        ("5", 5.0, False),
        ("5.5", 5.5, True),
        ("05", 5, False),
        ("true", True, True),
        ("True", True, False),
        ("false", False, True),
        ("1", True, False),
        ("null", None, False),
        (5, "5", False),
        (True, "true", False),
        ("5", "5", True),
    ],
)
def test_under_octy_a_string_of_a_definition_also_matches_its_text(wanted, found, alike):
    assert matches({"p": wanted}, {"p": found}, as_text=True) is alike


def test_a_missing_property_is_not_null():
    assert not matches({"p": None}, {}, as_text=False)
    assert not matches({"p": None}, {}, as_text=True)
    assert matches({"p": None}, {"p": None}, as_text=False)


def test_all_pairs_must_match_and_others_do_not_matter():
    assert matches({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, as_text=False)
    assert not matches({"a": 1, "b": 2}, {"a": 1, "b": 3}, as_text=False)
    assert matches({}, {}, as_text=False)


@pytest.mark.parametrize(
    ("left", "right", "together"),
    [
        (1, 1.0, True),
        (1, "1", False),
        (1, True, False),
        (None, "null", False),
        ("a", "a", True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        (2**53, 2**53 + 1, False),
    ],
)
def test_correlations_tell_values_apart_as_matching_does(left, right, together):
    assert (correlation_of("cart", {"cart": left}) == correlation_of("cart", {"cart": right})) is together


def test_events_without_the_property_belong_together_and_not_to_those_with_null():
    assert correlation_of("cart", {"other": 1}) is None
    assert correlation_of("cart", {"cart": None}) is not None
