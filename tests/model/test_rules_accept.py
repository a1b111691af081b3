"""Beside every refusal stands a neighbour that the rule lets pass, without a warning."""

import pytest

from tests.model.written import (
    DYNAMIC,
    LIVE_1,
    LIVE_2,
    LIVE_3,
    PAST_1,
    PAST_2,
    PAST_3,
    STATIC,
    both,
    changed,
    only,
    problems,
    read,
    without,
)

STEP = "      - {eventType: charged, actionInaction: action, eventProperties: {item_id: '%d'}}\n"
ANOTHER_ACTION = "      - {eventType: churned, expTimeframe: 9, actionInaction: action}\n"

ACCEPTED = {
    "V2 live": LIVE_1,
    "V2 dynamic": DYNAMIC,
    "V2 static": STATIC,
    "V3 live 3": LIVE_3,
    "V3 past 4": changed(PAST_2, ("segmentSubtype: 2", "segmentSubtype: 4"))
    + "    profilePropertyName: plan\n    profilePropertyValue: gold\n",
    "V4 no timeframe": without(LIVE_1, "segmentTimeframe"),
    "V5 one day": changed(PAST_1, ("segmentTimeframe: 30", "segmentTimeframe: 1")),
    "V5 a year": changed(PAST_1, ("segmentTimeframe: 30", "segmentTimeframe: 365")),
    "V6 number": changed(PAST_3, ("profilePropertyValue: gold", "profilePropertyValue: 5")),
    "V6 boolean": changed(PAST_3, ("profilePropertyValue: gold", "profilePropertyValue: true")),
    "V6 unused and empty": PAST_1 + "    profilePropertyName:\n    profilePropertyValue: ''\n",
    "V7": PAST_2,
    "V8 least": LIVE_2,
    "V8 longest": changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 525600")),
    "V9 last left out": LIVE_3,
    "V10 one": PAST_1,
    "V10 ten": PAST_1 + "".join(STEP % number for number in range(9)),
    "V11": LIVE_2,
    "V12": LIVE_3,
    "V13 two actions": changed(
        LIVE_2, ("      - eventType: complaint", ANOTHER_ACTION + "      - eventType: complaint")
    ),
    "V13 compat octy": changed(LIVE_2, ("    eventSequence", "    compat: octy\n    eventSequence")),
    "V14": PAST_3,
    "V15 live 1": LIVE_1,
    "V15 live 3": LIVE_3,
    "V17": LIVE_2,
    "V18 two of two": LIVE_1.replace("complaint\n", "charged\n")
    + "        eventProperties: {item_id: a, payment_method: visa}\n",
    "V19 null": LIVE_1 + "        eventProperties:\n",
    "V19 empty": LIVE_1 + "        eventProperties: {}\n",
    "V20 other properties": changed(LIVE_3, ("eventType: charged", "eventType: complaint"))
    + "        eventProperties: {channel: mail}\n",
    "V21 sixty": changed(LIVE_1, ("Fresh complaint", "x" * 60)),
    "V21 one": changed(LIVE_1, ("Fresh complaint", "é")),
    "V22 another name": both(LIVE_1, LIVE_2),
    "V23 another frame": both(
        LIVE_2, changed(LIVE_2, ("Left without paying", "Gone"), ("expTimeframe: 5", "expTimeframe: 6"))
    ),
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_the_neighbour_of_a_refused_definition_is_accepted(name):
    definitions = read(ACCEPTED[name])
    assert definitions.segments
    assert definitions.warnings == ()


def test_a_create_request_of_one_definition_is_accepted():
    assert len(read(LIVE_1, "request", single=True).segments) == 1


def test_an_unknown_event_type_is_a_warning_with_its_place():
    text = changed(LIVE_1, ("eventType: complaint", "eventType: page"))
    definitions = read(text)
    assert definitions.segments[0].event_sequence[0].event_type == "page"
    hint = "declare it under kind: eventTypes, or check the spelling"
    assert definitions.warnings == (f"segments.yaml:8:9: Fresh complaint: V16: page is not a known event type: {hint}",)


def test_the_least_frame_is_a_setting_and_may_be_a_part_of_a_minute():
    text = changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 0.05"))
    assert only(text, min_exp_timeframe=0.05).event_sequence[0].exp_timeframe == 0.05


def test_a_frame_is_at_least_a_millisecond_whatever_the_setting():
    for frame in ("0", "1e-9"):
        text = changed(LIVE_2, ("expTimeframe: 5", f"expTimeframe: {frame}"))
        assert "V8: expTimeframe is " in problems(text, min_exp_timeframe=0)[0]


def test_a_value_of_one_and_a_value_of_true_are_different_properties():
    step = "      - {eventType: charged, expTimeframe: 5, actionInaction: action, eventProperties: {item_id: %s}}\n"
    last = "      - {eventType: charged, actionInaction: action, eventProperties: {item_id: %s}}\n"
    text = LIVE_3[: LIVE_3.index("      -")] + step % "1" + last % "true"
    assert [event.event_properties["item_id"] for event in only(text).event_sequence] == [1, True]


@pytest.mark.parametrize(("event_type", "name"), [("charged", "payment_method"), ("churned", "reason")])
def test_the_systems_event_types_are_known_without_being_declared(event_type, name):
    text = LIVE_1.replace("eventType: complaint", f"eventType: {event_type}")
    definitions = read(text + f"        eventProperties: {{{name}: x}}\n", strict_catalog=True)
    assert definitions.warnings == ()


def test_an_event_type_of_the_same_file_is_known_wherever_it_stands():
    text = changed(LIVE_1, ("eventType: complaint", "eventType: page")) + "        eventProperties: {url: /}\n"
    types = "---\nkind: eventTypes\neventTypeDefinitions:\n  - eventType: page\n    eventProperties: [url]\n"
    assert read(text + types, strict_catalog=True).event_types[0].event_properties == ("url",)


def test_a_property_without_a_value_is_a_warning():
    text = changed(LIVE_2, ("channel: phone", "channel:"))
    assert only(text, strict_catalog=True).event_sequence[0].event_properties == {"channel": None}
    (warning,) = read(text).warnings
    assert warning.startswith("segments.yaml:12:11: Left without paying: null: channel has no value, so it matches")
