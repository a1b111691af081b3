"""What a definition means, apart from how it is written: the texts by which two are compared.

`matching` covers what decides which events lead to the tag: as long as it stays, instances and tags
earned under an older version are still good. `meaning` adds what decides when a match is reported
and how long it lasts: two segments equal in it would always be the same people.
"""

import json
from typing import Any

from octyseg.model.definitions.definition import EventStep, SegmentDefinition
from octyseg.model.segment import MINUTE_MS


def comparable(value: Any) -> Any:
    """A JSON value in which equal numbers look equal; true stays apart from 1, and text from both."""
    if isinstance(value, dict):
        return {key: comparable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def minutes_ms(minutes: float) -> int:
    """Minutes as whole milliseconds."""
    return round(minutes * MINUTE_MS)


def matching(definition: SegmentDefinition) -> str:
    """The rules of matching as one text; options without effect on this definition are left out."""
    return _text(_rules(definition))


def meaning(definition: SegmentDefinition) -> str:
    """The rules of matching and of reporting as one text."""
    ttl = definition.tag_ttl_minutes
    reporting = {
        "notify": definition.notify,
        "cooldown_ms": minutes_ms(definition.cooldown_minutes),
        "tag_ttl_ms": minutes_ms(ttl) if ttl is not None else None,
    }
    return _text(_rules(definition) | reporting)


def _rules(definition: SegmentDefinition) -> dict[str, Any]:
    steps = definition.event_sequence
    actions = sum(step.action_inaction == "action" for step in steps)
    rules: dict[str, Any] = {
        "type": [definition.segment_type, definition.segment_sub_type],
        "days": definition.segment_timeframe,
        "steps": [_step(step) for step in steps],
        "property": [definition.profile_property_name, definition.profile_property_value],
        "compat": definition.compat,
        # Conditions of a list must all hold, so their order says nothing.
        "profile": sorted(_text(condition.model_dump(mode="json")) for condition in definition.profile_conditions),
        "conditions": definition.conditions and definition.conditions.model_dump(mode="json"),
        # A static list is whoever was put on it: two of them are never the same by their rules.
        "list": definition.segment_name if definition.segment_type == "static" else None,
    }
    if len(steps) > 1:
        rules |= {"on_repeat": definition.on_repeat, "correlate_by": definition.correlate_by}
    if actions > 1:
        rules["ordered"] = definition.ordered
    if actions < len(steps):
        rules["inaction_scope"] = definition.inaction_scope
    return rules


def _step(step: EventStep) -> list[Any]:
    return [step.event_type, step.action_inaction, minutes_ms(step.exp_timeframe), step.event_properties]


def _text(value: Any) -> str:
    return json.dumps(comparable(value), sort_keys=True)
