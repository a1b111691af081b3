"""Every rule refuses what breaks it, in one line that names the place, the segment, the rule and the way out."""

import pytest

from octyseg.model.definitions.rules.table import RULES
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
    problems,
    without,
)

STEP = "      - {eventType: charged, actionInaction: action, eventProperties: {item_id: '%d'}}\n"
SECOND_ACTION = "      - {eventType: login, expTimeframe: 9, actionInaction: action}\n"
INACTION = "      - {eventType: charged, actionInaction: inaction}\n"

REFUSED = {
    "V2 unknown type": (
        changed(LIVE_1, ("segmentType: live", "segmentType: lively")),
        "4:5: Fresh complaint: V2: segmentType is lively: write one of live, past, dynamic, static",
    ),
    "V2 missing type": (
        without(LIVE_1, "segmentType"),
        "3:5: Fresh complaint: V2: segmentType is missing: write one of live, past, dynamic, static",
    ),
    "V3 live 4": (
        changed(LIVE_1, ("segmentSubtype: 1", "segmentSubtype: 4")),
        "5:5: Fresh complaint: V3: segmentSubtype is 4: a live segment needs 1, 2 or 3",
    ),
    "V3 past 5": (
        changed(PAST_1, ("segmentSubtype: 1", "segmentSubtype: 5")),
        "5:5: Complained this month: V3: segmentSubtype is 5: a past segment needs 1, 2, 3 or 4",
    ),
    "V3 missing sub type": (
        without(LIVE_1, "segmentSubtype"),
        "3:5: Fresh complaint: V3: segmentSubType is missing: a live segment needs 1, 2 or 3",
    ),
    "V3 static has none": (
        STATIC + "    subType: 1\n",
        "5:5: Invited: V3: static segments have no subType: remove it",
    ),
    "V4": (
        changed(LIVE_1, ("segmentTimeframe: 0", "segmentTimeframe: 3")),
        (
            "6:5: Fresh complaint: V4: segmentTimeframe is 3: write 0, a live segment has frames between its events"
            " instead of a window of days"
        ),
    ),
    "V5 zero": (
        changed(PAST_1, ("segmentTimeframe: 30", "segmentTimeframe: 0")),
        "6:5: Complained this month: V5: segmentTimeframe is 0: write a whole number of days from 1 to 365",
    ),
    "V5 negative": (
        changed(PAST_1, ("segmentTimeframe: 30", "segmentTimeframe: -1")),
        "6:5: Complained this month: V5: segmentTimeframe is -1: write a whole number of days from 1 to 365",
    ),
    "V5 too long": (
        changed(PAST_1, ("segmentTimeframe: 30", "segmentTimeframe: 366")),
        "6:5: Complained this month: V5: segmentTimeframe is 366: write a whole number of days from 1 to 365",
    ),
    "V5 half a day": (
        changed(PAST_1, ("segmentTimeframe: 30", "segmentTimeframe: 0.5")),
        "6:5: Complained this month: V5: segmentTimeframe is 0.5: write a whole number of days from 1 to 365",
    ),
    "V5 missing": (
        without(PAST_1, "segmentTimeframe"),
        "3:5: Complained this month: V5: segmentTimeframe is missing: write a whole number of days from 1 to 365",
    ),
    "V6 value missing": (
        without(PAST_3, "profilePropertyValue"),
        (
            "3:5: Complained in gold: V6: profilePropertyValue is missing: past sub types 3 and 4 need a property name"
            " and its value"
        ),
    ),
    "V6 not for past 1": (
        changed(PAST_3, ("segmentSubtype: 3", "segmentSubtype: 1"), ("    profilePropertyValue: gold\n", "")),
        "11:5: Complained in gold: V6: only past sub types 3 and 4 have a profile property: remove profilePropertyName",
    ),
    "V7": (
        changed(PAST_2, ("expTimeframe: 0", "expTimeframe: 10")),
        (
            "9:9: Complained and bought nothing: V7: expTimeframe is 10: a past segment needs 0 on every event,"
            " its window is segmentTimeframe"
        ),
    ),
    "V8 too short": (
        changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 3")),
        "9:9: Left without paying: V8: expTimeframe is 3 minutes, but another event follows: use at least 5",
    ),
    "V8 zero": (
        changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 0")),
        "9:9: Left without paying: V8: expTimeframe is 0 minutes, but another event follows: use at least 5",
    ),
    "V8 negative": (
        changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: -5")),
        "9:9: Left without paying: V8: expTimeframe is -5 minutes, but another event follows: use at least 5",
    ),
    "V8 overflow": (
        changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 525601")),
        "9:9: Left without paying: V8: expTimeframe is 525601 minutes: use at most 525600 (365 days)",
    ),
    "V8 missing": (
        without(LIVE_2, "expTimeframe: 5"),
        "8:9: Left without paying: V8: expTimeframe is missing, but another event follows: use at least 5",
    ),
    "V9": (
        changed(LIVE_1, ("expTimeframe: 0", "expTimeframe: 5")),
        "9:9: Fresh complaint: V9: expTimeframe is 5 on the last event: write 0, no event follows it",
    ),
    "V10 none": (
        LIVE_1[: LIVE_1.index("      -")].replace("eventSequence:", "eventSequence: []"),
        "7:5: Fresh complaint: V10: eventSequence has 0 events: write 1 to 10",
    ),
    "V10 missing": (
        LIVE_1[: LIVE_1.index("    eventSequence")],
        "3:5: Fresh complaint: V10: eventSequence is missing: write 1 to 10 events",
    ),
    "V10 eleven": (
        PAST_1 + "".join(STEP % number for number in range(10)),
        "7:5: Complained this month: V10: eventSequence has 11 events: write 1 to 10",
    ),
    "V11": (
        changed(LIVE_1, ("actionInaction: action", "actionInaction: acting")),
        "10:9: Fresh complaint: V11: actionInaction is acting: write action or inaction",
    ),
    "V11 missing": (
        without(LIVE_1, "actionInaction"),
        "8:9: Fresh complaint: V11: actionInaction is missing: write action or inaction",
    ),
    "V12": (
        changed(LIVE_2, ("actionInaction: action", "actionInaction: inaction")),
        "10:9: Left without paying: V12: actionInaction of the first event is inaction: begin with an action",
    ),
    "V13 none": (
        changed(LIVE_2, ("actionInaction: inaction", "actionInaction: action")),
        (
            "15:9: Left without paying: V13: live sub type 2 needs an inaction: make the last event one,"
            " or use sub type 1 or 3"
        ),
    ),
    "V13 two": (
        changed(
            PAST_2,
            (
                "      - eventType: charged",
                "      - {eventType: churned, actionInaction: inaction}\n      - eventType: charged",
            ),
        ),
        (
            "11:30: Complained and bought nothing: V13: past sub type 2 has one inaction only, the last event:"
            " make this an action"
        ),
    ),
    "V13 not last": (
        changed(LIVE_2, ("        expTimeframe: 0\n", "        expTimeframe: 6\n")) + SECOND_ACTION.replace("9", "0"),
        "15:9: Left without paying: V13: the inaction of live sub type 2 comes last: move this event to the end",
    ),
    "V13 compat octy": (
        changed(LIVE_2, ("    eventSequence:\n", "    compat: octy\n    eventSequence:\n" + SECOND_ACTION)),
        (
            "8:5: Left without paying: V13: with compat octy, live sub type 2 is one action and one inaction:"
            " remove events, or remove compat"
        ),
    ),
    "V14 live 3": (
        LIVE_3.replace("charged\n        actionInaction: action", "charged\n        actionInaction: inaction"),
        "11:9: Won back: V14: live sub type 3 has no inaction: make this an action, or use sub type 2",
    ),
    "V14 past 1": (
        PAST_1 + INACTION,
        "11:30: Complained this month: V14: past sub type 1 has no inaction: make this an action, or use sub type 2",
    ),
    "V14 past 3": (
        changed(PAST_3, ("    profilePropertyName", INACTION + "    profilePropertyName")),
        "11:30: Complained in gold: V14: past sub type 3 has no inaction: make this an action, or use sub type 4",
    ),
    "V15 live 1": (
        changed(LIVE_3, ("segmentSubtype: 3", "segmentSubtype: 1")),
        (
            "6:5: Won back: V15: eventSequence has 2 events: live sub type 1 is one event,"
            " use sub type 3 for a sequence of actions"
        ),
    ),
    "V15 live 3": (
        changed(LIVE_1, ("segmentSubtype: 1", "segmentSubtype: 3")),
        (
            "7:5: Fresh complaint: V15: eventSequence has one event: live sub type 3 is two or more actions,"
            " use sub type 1 for one event"
        ),
    ),
    "V17": (
        changed(LIVE_2, ("channel: phone", "chanel: phone")),
        "12:11: Left without paying: V17: chanel is not a property of complaint: did you mean channel?",
    ),
    "V17 nothing near": (
        changed(LIVE_2, ("channel: phone", "weather: mild")),
        (
            "12:11: Left without paying: V17: weather is not a property of complaint: it has channel:"
            " correct the name, or add it to the event type"
        ),
    ),
    "V17 correlateBy": (
        changed(LIVE_1, ("    eventSequence", "    correlateBy: cart_id\n    eventSequence")),
        (
            "7:5: Fresh complaint: V17: cart_id is not a property of complaint: it has channel:"
            " correct the name, or add it to the event type"
        ),
    ),
    "V17 performed": (
        changed(DYNAMIC, ("payment_method", "payment_methud")),
        "11:29: Regulars: V17: payment_methud is not a property of charged: did you mean payment_method?",
    ),
    "V18 list": (
        changed(LIVE_2, ("channel: phone", "channel: [phone, mail]")),
        (
            "12:11: Left without paying: V18: channel has more than one value: compare it with one text, number,"
            " true or false"
        ),
    ),
    "V18 no block": (
        LIVE_1 + "        eventProperties: [channel]\n",
        "11:9: Fresh complaint: V18: eventProperties is not a block of names and values: write name: value",
    ),
    "V18 empty name": (
        changed(LIVE_1, ("eventType: complaint", "eventType: login")) + '        eventProperties: {"": mail}\n',
        "11:27: Fresh complaint: V18: a name in eventProperties is empty: write the name of a property",
    ),
    "V19": (
        LIVE_1 + "        eventProperties: []\n",
        "11:9: Fresh complaint: V19: eventProperties is no block: leave it out, or write {}, for any event",
    ),
    "V20": (
        changed(LIVE_3, ("eventType: charged", "eventType: complaint")),
        "10:9: Won back: V20: event 2 has the type and properties of event 1: change or remove one of them",
    ),
    "V21 blank": (
        changed(LIVE_1, ("Fresh complaint", '"  "')),
        "3:5:   : V21: segmentName is blank: write 1 to 60 characters",
    ),
    "V21 too long": (
        changed(LIVE_1, ("Fresh complaint", "x" * 61)),
        f"3:5: {'x' * 61}: V21: segmentName has 61 characters: use at most 60",
    ),
    "V21 newline": (
        changed(LIVE_1, ("Fresh complaint", r'"Fresh\ncomplaint"')),
        r"3:5: Fresh\ncomplaint: V21: segmentName has a line break or control character in it: remove it",
    ),
    "V21 missing": (
        changed(LIVE_1, ("segmentName: Fresh complaint\n    ", "")),
        "3:5: segment 1: V21: segmentName is missing: give the segment a name, it becomes the tag",
    ),
    "V22": (
        both(LIVE_1, changed(LIVE_2, ("Left without paying", "Fresh complaint"))),
        "11:5: Fresh complaint: V22: another definition has this name: give each its own",
    ),
    "V23": (
        both(LIVE_2, changed(LIVE_2, ("Left without paying", "Gone"))),
        '16:5: Gone: V23: it means the same as "Left without paying": change its events, or keep only one of them',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_broken_rule_is_told_with_its_place_its_segment_and_what_to_do(name):
    text, line = REFUSED[name]
    assert problems(text) == [f"segments.yaml:{line}"]


def test_a_create_request_of_two_definitions_is_refused():
    text = both(LIVE_1, LIVE_2)
    assert problems(text, "request", single=True) == [
        "request:1:1: V1: the request has 2 definitions: send exactly one"
    ]


def test_an_unknown_event_type_is_an_error_under_a_strict_catalog():
    text = changed(LIVE_1, ("eventType: complaint", "eventType: compliant"))
    line = "segments.yaml:8:9: Fresh complaint: V16: compliant is not a known event type: did you mean complaint?"
    assert problems(text, strict_catalog=True) == [line]


def test_every_rule_of_the_table_is_shown_refusing_something():
    shown = {name.split()[0] for name in REFUSED} | {"V1", "V16"}
    assert {f"V{number}" for number in range(1, 24)} <= shown
    assert {rule for rule in RULES if rule.startswith("V")} <= shown
