"""JSON: Octy's requests and lists of definitions, with the line and column of what is wrong."""

import json

import pytest

from tests.model.written import problems, read

SEGMENT = {
    "segment_name": "Left without paying",
    "segment_type": "live",
    "segment_sub_type": 2,
    "segment_timeframe": 0,
    "event_sequence": [
        {"event_type": "complaint", "exp_timeframe": 5, "action_inaction": "action", "event_properties": None},
        {
            "event_type": "charged",
            "exp_timeframe": 0,
            "action_inaction": "inaction",
            "event_properties": {"payment_method": "visa"},
        },
    ],
    "profile_property_name": "",
    "profile_property_value": "",
}
ANOTHER = {"segment_name": "Any charge", "segment_type": "live", "segment_sub_type": 1} | {
    "event_sequence": [{"event_type": "charged", "action_inaction": "action"}]
}


def names(value):
    return [segment.segment_name for segment in read(json.dumps(value, indent=2), "segments.json").segments]


def test_a_create_request_is_one_bare_definition():
    assert names(SEGMENT) == ["Left without paying"]


def test_a_list_of_bare_definitions_is_read():
    assert names([SEGMENT, ANOTHER]) == ["Left without paying", "Any charge"]


@pytest.mark.parametrize("key", ["segments", "segment_definitions", "segmentDefinitions"])
@pytest.mark.parametrize("kind", [{}, {"kind": "segments"}])
def test_a_named_list_is_read_with_its_kind_or_without(key, kind):
    assert names(kind | {key: [SEGMENT, ANOTHER]}) == ["Left without paying", "Any charge"]


@pytest.mark.parametrize("spelling", ["segment_sub_type", "segmentSubtype", "segmentSubType", "sub_type", "subType"])
def test_the_sub_type_has_many_spellings_and_is_one_field(spelling):
    segment = {key: value for key, value in ANOTHER.items() if key != "segment_sub_type"} | {spelling: 1}
    (definition,) = read(json.dumps(segment), "segments.json").segments
    assert definition.segment_sub_type == 1


def test_event_types_and_account_are_read_from_requests_too():
    types = read(json.dumps({"event_types": [{"event_type": "page", "event_properties": ["url"]}]}), "request")
    account = read(json.dumps({"contact_name": "Ada", "webhook_url": "https://shop.example/hook"}), "request")
    assert types.event_types[0].event_type == "page"
    assert account.account.webhook_url == "https://shop.example/hook"


def test_a_broken_rule_has_its_place_in_json_too():
    text = json.dumps(SEGMENT | {"segment_timeframe": 3}, indent=2)
    assert problems(text, "segments.json") == [
        (
            "segments.json:5:3: Left without paying: V4: segment_timeframe is 3: write 0, a live segment has frames "
            "between its events instead of a window of days"
        )
    ]


def test_a_missing_key_is_named_in_the_spelling_of_the_file():
    text = json.dumps({key: value for key, value in ANOTHER.items() if key != "segment_sub_type"})
    assert problems(text, "segments.json") == [
        "segments.json:1:1: Any charge: V3: segment_sub_type is missing: a live segment needs 1, 2 or 3"
    ]


NOT_JSON = {
    '{"segment_name": "a",}': "1:2",  # Python 3.13 places it at the comma, older ones behind it
    '{"segment_name": \n"a"': "2:4: syntax: this is not JSON: expecting ',' delimiter: correct it here",
    "{'segment_name': 'a'}": "1:2: syntax: this is not JSON: expecting property name enclosed in double quotes: ",
    '{"a": 1} trailing': "1:10: syntax: this is not JSON: extra data: correct it here",
    "# a comment": "1:1: syntax: this is not JSON: expecting value: correct it here",
    '{"segment_type": "live", "segment_type": "past"}': "1:26: syntax: the key segment_type is already in line 1: ",
    '{"segment_timeframe": NaN, "segment_name": "a"}': "1:23: syntax: NaN is not a number an event can carry: ",
    '{"segment_timeframe": -Infinity, "segment_name": "a"}': "1:23: syntax: -Infinity is not a number an event can ",
    '{"segment_timeframe": 1e400, "segment_name": "a"}': "1:23: syntax: 1e400 is too large: write a smaller number",
    '{"segment_name": "\\ud800"}': "1:18: syntax: half of a character (a lone surrogate): write the whole character",
    "[" * 100_000: "1:1: syntax: nested too deeply: use at most 32 levels",
    "[" * 40 + "]" * 40: "1:33: syntax: nested too deeply: use at most 32 levels",
}


@pytest.mark.parametrize("text", NOT_JSON, ids=lambda text: text[:30])
def test_what_is_not_json_is_refused_with_its_place(text):
    found = problems(text, "segments.json")
    assert any(line.startswith(f"segments.json:{NOT_JSON[text]}") for line in found), found


def test_json_may_be_indented_with_tabs_and_escape_what_it_likes():
    text = json.dumps(ANOTHER | {"segment_name": "Café 😀 \\ /"}, indent="\t").replace("/", "\\/")
    assert "\\ud83d\\ude00" in text
    assert read(text, "segments.json").segments[0].segment_name == "Café 😀 \\ /"


def test_without_a_name_that_tells_json_is_known_by_how_it_begins():
    assert ": syntax: this is not JSON: " in problems('{"segment_name": "a",}', "request")[0]
