"""Our additions to Octy's definitions: where each is allowed, what it may be, and what the engine gets of it."""

import pytest

from octyseg.model.definitions.compile import compile_definitions
from tests.model.written import DYNAMIC, LIVE_1, LIVE_2, PAST_1, PAST_2, STATIC, changed, only, problems, read

OPTIONS = """\
    description: people who should hear from us
    webhook: false
    onRepeat: restart
    correlateBy: item_id
    notify: on_enter
    cooldownMinutes: 90
    tagTtlMinutes: 0.5
    profileConditions:
      - {attribute: profile_data.plan, operator: in, value: [gold, 1]}
      - {path: has_charged, operator: exists}
      - {path: joined, operator: within_last, value: {days: 3}}
"""


def live_with(option):
    return changed(LIVE_1, ("    eventSequence", f"    {option}\n    eventSequence"))


def test_the_engine_gets_every_option_of_a_live_segment():
    charged = LIVE_2.replace("complaint", "charged").replace("channel: phone", "item_id: a")
    (segment,) = compile_definitions(read(charged + OPTIONS).segments)
    assert (segment.on_repeat, segment.correlate_by, segment.notify) == ("restart", "item_id", "on_enter")
    assert (segment.cooldown_ms, segment.tag_ttl_ms, segment.webhook) == (5_400_000, 30_000, False)
    assert [(leaf.path, leaf.operator, leaf.value) for leaf in segment.conditions] == [
        ("profile_data.plan", "in", ["gold", 1]),
        ("has_charged", "exists", None),
        ("joined", "within_last", {"days": 3}),
    ]


def test_the_options_have_the_same_names_in_snake_case():
    text = live_with("cooldown_minutes: 1\n    tag_ttl_minutes: 2\n    on_repeat: parallel\n    notify: on_enter")
    definition = only(text)
    assert (definition.cooldown_minutes, definition.tag_ttl_minutes, definition.on_repeat) == (1, 2, "parallel")


def test_past_segments_know_order_and_the_scope_of_the_inaction():
    definition = only(PAST_2 + "    ordered: false\n    inactionScope: after_last_action\n")
    assert (definition.ordered, definition.inaction_scope) == (False, "after_last_action")


def test_a_static_segment_is_a_name_and_a_type():
    assert only(STATIC).segment_type == "static"


@pytest.mark.parametrize(
    ("option", "key"),
    [
        ("ordered: false", "ordered"),
        ("inactionScope: window", "inactionScope"),
        ("conditions: {segment: a}", "conditions"),
        ("notifyBackfill: true", "notifyBackfill"),
    ],
)
def test_an_option_of_another_type_is_refused_on_a_live_segment(option, key):
    (line,) = problems(live_with(option))
    assert line.startswith("segments.yaml:7:5: Fresh complaint: option: only ")
    assert line.endswith(f" segments have {key}: remove it")


LIVE_ONLY = ("onRepeat: ignore", "correlateBy: channel", "notify: on_enter", "cooldownMinutes: 5", "tagTtlMinutes: 5")


@pytest.mark.parametrize("option", [*LIVE_ONLY, "profileConditions: [{attribute: status, operator: exists}]"])
def test_an_option_of_live_segments_is_refused_on_a_past_one(option):
    text = changed(PAST_1, ("    eventSequence", f"    {option}\n    eventSequence"))
    key = option.split(":")[0]
    assert problems(text) == [
        f"segments.yaml:7:5: Complained this month: option: only live segments have {key}: remove it"
    ]


def test_a_dynamic_segment_needs_conditions_and_has_no_events():
    text = DYNAMIC[: DYNAMIC.index("    conditions")] + "    eventSequence: [{eventType: a, actionInaction: action}]\n"
    assert problems(text, strict_catalog=False) == [
        (
            "segments.yaml:3:5: Regulars: option: conditions are missing: a dynamic segment needs all, any, not or one "
            "condition"
        ),
        "segments.yaml:5:5: Regulars: option: only live and past segments have eventSequence: remove it",
    ]


def test_a_static_segment_has_no_window():
    line = "segments.yaml:5:5: Invited: option: static segments have no segmentTimeframe: remove it"
    assert problems(STATIC + "    segmentTimeframe: 5\n") == [line]


def test_the_empty_keys_that_octys_clients_send_are_no_options():
    assert read(STATIC + "    segmentTimeframe: 0\n    eventSequence: []\n    profilePropertyName: ''\n").segments


SHORT = "write 0 to 525600 minutes (365 days), or leave it out"
LONG = "write more than 0 to 525600 minutes (365 days), or leave it out"


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ("cooldownMinutes: -1", f"option: cooldownMinutes is -1: {SHORT}"),
        ("cooldownMinutes: 525601", f"option: cooldownMinutes is 525601: {SHORT}"),
        ("tagTtlMinutes: 0", f"option: tagTtlMinutes is 0: {LONG}"),
        ("tagTtlMinutes: 1e-9", f"option: tagTtlMinutes is 1e-09: {LONG}"),
        ("tagTtlMinutes: 1e300", f"option: tagTtlMinutes is 1e+300: {LONG}"),
        ("onRepeat: again", 'shape: onRepeat is the text "again": write ignore, restart or parallel'),
        ("notify: 5", "shape: notify is the number 5: write every_match or on_enter"),
        ("webhook: yes", 'shape: webhook is the text "yes": write true or false'),
        ("compat: Octy", 'shape: compat is the text "Octy": write native or octy'),
        ("profileConditions: gold", 'shape: profileConditions is the text "gold": write a list'),
        ("correlateBy: true", "shape: correlateBy is true: write text, in quotes if it looks like something else"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused(option, line):
    assert problems(live_with(option)) == [f"segments.yaml:7:5: Fresh complaint: {line}"]


def test_an_event_type_that_no_event_can_have_is_refused():
    text = changed(LIVE_1, ("eventType: complaint", f"eventType: {'x' * 61}"))
    line = "segments.yaml:8:9: Fresh complaint: event_type: eventType must be 1 to 60 printable characters: correct it"
    assert problems(text) == [line]
