"""Rules on the events of a live or past segment: how many, of which kind, in which frames.

Each function takes a draft and says what breaks one rule; it keeps silent on values of the wrong kind,
of which the shape speaks. Listed in octyseg.model.rules. Minutes throughout.
"""

import json
from collections.abc import Iterator

from octyseg.model.definitions.definition import MAX_FRAME_DAYS, MAX_FRAME_MINUTES
from octyseg.model.definitions.meaning import comparable, minutes_ms
from octyseg.model.definitions.reading.draft import Draft
from octyseg.model.definitions.reading.node import plain
from octyseg.model.definitions.spelling import Finding

MAX_STEPS = 10
_WITH_INACTION = (("live", 2), ("past", 2), ("past", 4))
_WITHOUT_INACTION = (("live", 1), ("live", 3), ("past", 1), ("past", 3))
_OCTY_LIVE_2_STEPS = 2


def v7(draft: Draft) -> Iterator[Finding]:
    """Past segments have no frames between events."""
    if draft.segment_type == "past":
        for step in draft.steps:
            if step.number("exp_timeframe") not in (None, 0):
                name, window = step.named("exp_timeframe"), draft.named("segment_timeframe")
                given = step.number("exp_timeframe")
                text = f"{name} is {given}: a past segment needs 0 on every event, its window is {window}"
                yield step.at("exp_timeframe"), text


def v8(draft: Draft, least_minutes: float) -> Iterator[Finding]:
    """In a live segment, the frame to the next event is neither too short nor endless."""
    if draft.segment_type != "live":
        return
    for step in draft.steps[:-1]:
        name = step.named("exp_timeframe")
        minutes = step.number("exp_timeframe")
        least = f"use at least {least_minutes:g}"
        if not step.has("exp_timeframe"):
            text = f"{name} is missing, but another event follows: {least}"
        elif minutes is None:
            continue
        elif minutes < least_minutes or minutes_ms(minutes) < 1:
            text = f"{name} is {minutes} minutes, but another event follows: {least}"
        elif minutes > MAX_FRAME_MINUTES:
            text = f"{name} is {minutes} minutes: use at most {MAX_FRAME_MINUTES} ({MAX_FRAME_DAYS} days)"
        else:
            continue
        yield step.at("exp_timeframe"), text


def v9(draft: Draft) -> Iterator[Finding]:
    """Nothing follows the last event, so its frame is 0."""
    if draft.segment_type == "live" and draft.steps:
        last = draft.steps[-1]
        if last.number("exp_timeframe") not in (None, 0):
            name, given = last.named("exp_timeframe"), last.number("exp_timeframe")
            yield last.at("exp_timeframe"), f"{name} is {given} on the last event: write 0, no event follows it"


def v10(draft: Draft) -> Iterator[Finding]:
    """There are 1 to 10 events."""
    if draft.segment_type not in ("live", "past"):
        return
    name = draft.named("event_sequence")
    if not draft.has("event_sequence"):
        yield draft.at("event_sequence"), f"{name} is missing: write 1 to {MAX_STEPS} events"
    elif isinstance(draft.node.entries["event_sequence"].value, list) and not 1 <= len(draft.steps) <= MAX_STEPS:
        yield draft.at("event_sequence"), f"{name} has {len(draft.steps)} events: write 1 to {MAX_STEPS}"


def v11(draft: Draft) -> Iterator[Finding]:
    """Each event says whether it must happen."""
    for step in draft.steps:
        name = step.named("action_inaction")
        if isinstance(step.node.value, dict) and not step.has("action_inaction"):
            yield step.at("action_inaction"), f"{name} is missing: write action or inaction"
        elif step.has("action_inaction") and step.text("action_inaction") not in ("action", "inaction"):
            yield step.at("action_inaction"), f"{name} is {step.leaf('action_inaction')}: write action or inaction"


def v12(draft: Draft) -> Iterator[Finding]:
    """A sequence begins with something that happens."""
    if draft.steps and _is_inaction(draft.steps[0]):
        step = draft.steps[0]
        name = step.named("action_inaction")
        yield step.at("action_inaction"), f"{name} of the first event is inaction: begin with an action"


def v13(draft: Draft) -> Iterator[Finding]:
    """Sub types 2 and 4 end in the one inaction they have."""
    if draft.kind not in _WITH_INACTION or not draft.steps:
        return
    # Of an inaction at the very beginning, V12 speaks.
    first, *later = draft.steps
    inactions = [step for step in later if _is_inaction(step)]
    undecided = any(step.text("action_inaction") not in ("action", "inaction") for step in draft.steps)
    kind = "{} sub type {}".format(*draft.kind)
    if not inactions and not undecided and not _is_inaction(first):
        text = f"{kind} needs an inaction: make the last event one, or use sub type {_without(draft)}"
        yield draft.steps[-1].at("action_inaction"), text
    for extra in inactions[:-1]:
        yield extra.at("action_inaction"), f"{kind} has one inaction only, the last event: make this an action"
    if len(inactions) == 1 and not _is_inaction(draft.steps[-1]):
        yield inactions[0].at("action_inaction"), f"the inaction of {kind} comes last: move this event to the end"
    octy = draft.segment_type == "live" and draft.text("compat") == "octy"
    if octy and len(draft.steps) > _OCTY_LIVE_2_STEPS:
        text = f"with compat octy, {kind} is one action and one inaction: remove events, or remove compat"
        yield draft.at("event_sequence"), text


def v14(draft: Draft) -> Iterator[Finding]:
    """Sub types 1 and 3 are of actions only."""
    if draft.kind in _WITHOUT_INACTION:
        kind = "{} sub type {}".format(*draft.kind)
        instead = 4 if draft.kind == ("past", 3) else 2
        for step in draft.steps:
            if _is_inaction(step):
                text = f"{kind} has no inaction: make this an action, or use sub type {instead}"
                yield step.at("action_inaction"), text


def v15(draft: Draft) -> Iterator[Finding]:
    """Live 1 is one event; live 3, the sequence of actions, is at least two."""
    count = len(draft.steps)
    name = draft.named("event_sequence")
    if draft.kind == ("live", 1) and count > 1:
        text = f"{name} has {count} events: live sub type 1 is one event, use sub type 3 for a sequence of actions"
        yield draft.at("event_sequence"), text
    if draft.kind == ("live", 3) and count == 1:
        text = f"{name} has one event: live sub type 3 is two or more actions, use sub type 1 for one event"
        yield draft.at("event_sequence"), text


def v18(draft: Draft) -> Iterator[Finding]:
    """Properties are names with values."""
    for step in draft.steps:
        if not step.has("event_properties"):
            continue
        given = step.node.entries["event_properties"]
        name = step.named("event_properties")
        if not isinstance(given.value, dict) and given.value not in ([], ""):
            yield step.at("event_properties"), f"{name} is not a block of names and values: write name: value"
        for key, value in given.entries.items():
            path = (*step.at("event_properties"), key)
            if not key:
                yield path, f"a name in {name} is empty: write the name of a property"
            if isinstance(value.value, dict | list):
                yield path, f"{key} has more than one value: compare it with one text, number, true or false"


def null(draft: Draft) -> Iterator[Finding]:
    """A property without a value asks for events that say null, which is seldom what was meant."""
    for step in draft.steps:
        for key, value in step.child("event_properties").node.entries.items():
            if value.value is None:
                text = f"{key} has no value, so it matches only events that say null: give it a value, or remove it"
                yield (*step.at("event_properties"), key), text


def v19(draft: Draft) -> Iterator[Finding]:
    """No properties means any event of the type, and is written as nothing or as an empty block."""
    for step in draft.steps:
        if step.has("event_properties") and step.node.entries["event_properties"].value in ([], ""):
            name = step.named("event_properties")
            yield step.at("event_properties"), f"{name} is no block: leave it out, or write {{}}, for any event"


def v20(draft: Draft) -> Iterator[Finding]:
    """No two events of a sequence are the same."""
    seen: dict[str, int] = {}
    for number, step in enumerate(draft.steps, 1):
        if step.text("event_type") is None:
            continue
        wanted = plain(step.child("event_properties").node) or {}
        same = json.dumps([step.text("event_type"), comparable(wanted)], sort_keys=True)
        if same in seen:
            text = f"event {number} has the type and properties of event {seen[same]}: change or remove one of them"
            yield step.at("event_type"), text
        seen.setdefault(same, number)


def _is_inaction(step: Draft) -> bool:
    return step.text("action_inaction") == "inaction"


def _without(draft: Draft) -> str:
    """The sub types of the same type that have no inaction."""
    if draft.segment_type == "live":
        return "1 or 3"
    return "1" if draft.whole("segment_sub_type") == _OCTY_LIVE_2_STEPS else "3"
