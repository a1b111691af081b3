"""Two definitions mean the same when they would always tag the same people, however they are written."""

import pytest

from octyseg.model.definitions.meaning import matching, meaning
from tests.model.written import LIVE_1, LIVE_2, LIVE_3, PAST_1, PAST_2, STATIC, both, changed, only, problems, read

SAME = {
    "name": (LIVE_2, changed(LIVE_2, ("Left without paying", "Gone"))),
    "description": (LIVE_2, LIVE_2 + "    description: they left\n"),
    "webhook": (LIVE_2, LIVE_2 + "    webhook: false\n"),
    "a default spelt out": (LIVE_2, LIVE_2 + "    onRepeat: ignore\n    compat: native\n"),
    "5 and 5.0": (LIVE_2, changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 5.0"))),
    "1 and 1.0 in a property": (
        changed(LIVE_2, ("channel: phone", "channel: 1")),
        changed(LIVE_2, ("channel: phone", "channel: 1.0")),
    ),
    "an option without effect on one event": (LIVE_1, LIVE_1 + "    onRepeat: restart\n"),
    "an order of one": (PAST_1, PAST_1 + "    ordered: false\n"),
    "a scope without an inaction": (PAST_1, PAST_1 + "    inactionScope: after_last_action\n"),
}
OTHER = {
    "type and text": (
        changed(LIVE_2, ("channel: phone", "channel: 1")),
        changed(LIVE_2, ("channel: phone", "channel: '1'")),
    ),
    "true and 1": (
        changed(LIVE_2, ("channel: phone", "channel: 1")),
        changed(LIVE_2, ("channel: phone", "channel: true")),
    ),
    "frame": (LIVE_2, changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 6"))),
    "properties": (LIVE_2, changed(LIVE_2, ("channel: phone", "channel: mail"))),
    "onRepeat": (LIVE_2, LIVE_2 + "    onRepeat: restart\n"),
    "correlateBy": (LIVE_3, LIVE_3 + "    correlateBy: x\n"),
    "compat": (LIVE_2, LIVE_2 + "    compat: octy\n"),
    "profileConditions": (LIVE_2, LIVE_2 + "    profileConditions: [{attribute: status, operator: exists}]\n"),
    "days": (PAST_1, changed(PAST_1, ("30", "31"))),
    "scope": (PAST_2, PAST_2 + "    inactionScope: after_last_action\n"),
    "lists": (STATIC, changed(STATIC, ("Invited", "Not invited"))),
}
TYPES = "---\nkind: eventTypes\neventTypeDefinitions:\n"
TYPES += "  - {eventType: complaint, eventProperties: [x]}\n  - {eventType: charged, eventProperties: [x]}\n"


@pytest.mark.parametrize("name", SAME)
def test_writing_it_otherwise_does_not_change_the_meaning(name):
    first, second = (only(text) for text in SAME[name])
    assert meaning(first) == meaning(second)
    assert matching(first) == matching(second)


@pytest.mark.parametrize("name", OTHER)
def test_what_decides_who_is_tagged_changes_the_meaning(name):
    first, second = (only(text + TYPES) for text in OTHER[name])
    assert meaning(first) != meaning(second)
    assert matching(first) != matching(second)


@pytest.mark.parametrize("option", ["notify: on_enter", "cooldownMinutes: 5", "tagTtlMinutes: 5"])
def test_how_a_match_is_reported_changes_the_meaning_but_not_the_matching(option):
    first, second = only(LIVE_2), only(LIVE_2 + f"    {option}\n")
    assert meaning(first) != meaning(second)
    assert matching(first) == matching(second)


def test_the_order_of_profile_conditions_means_nothing():
    leaves = ["{attribute: a, operator: exists}", "{attribute: b, operator: exists}"]
    first, second = (
        only(LIVE_2 + f"    profileConditions: [{', '.join(order)}]\n") for order in (leaves, leaves[::-1])
    )
    assert meaning(first) == meaning(second)


def test_two_static_lists_are_never_the_same():
    assert len(read(both(STATIC, changed(STATIC, ("Invited", "Not invited")))).segments) == 2


def test_of_two_that_mean_the_same_the_later_one_is_refused_and_names_the_other():
    (line,) = problems(both(LIVE_1, changed(LIVE_1, ("Fresh complaint", "Complaint"))))
    assert line.startswith('segments.yaml:11:5: Complaint: V23: it means the same as "Fresh complaint"')
