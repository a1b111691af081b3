"""The words in which octyseg.engine.explain says what a step or a condition asks, and what was found."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from octyseg.engine.conditions import value_at
from octyseg.engine.state import Tag
from octyseg.model.change import rfc3339
from octyseg.model.segment import DAY_MS, MINUTE_MS, Condition, InSegment, Performed, Step


def step_words(step: Step) -> str:
    """A step as people say it, e.g. `checkout_started (device "mobile")`."""
    return step.event_type + _with(step.properties)


def asked(leaf: Condition | Performed | InSegment, names: Mapping[str, str] | None = None) -> str:
    """What a leaf asks for."""
    match leaf:
        case Performed():
            return f"{leaf.event_type}{_with(leaf.properties)} {_times(leaf)}{_window(leaf)}"
        case InSegment():
            name = (names or {}).get(leaf.segment_id, "a segment that is gone")
            return f'{"in" if leaf.member else "not in"} "{name}"'
        case Condition():
            value = "" if leaf.value is None else f" {json.dumps(leaf.value)}"
            return f"{leaf.path} {leaf.operator}{value}"


def found_of(leaf: Condition | InSegment, attributes: Mapping[str, Any], tags: Sequence[Tag] = ()) -> str:
    """What the profile has of it."""
    if isinstance(leaf, InSegment):
        return "in" if any(tag.segment_id == leaf.segment_id for tag in tags) else "not in"
    value = value_at(leaf.path, attributes)
    return "nothing" if value is None else json.dumps(value)


def amount(leaf: Performed, count: int) -> str:
    """How many were counted; no more are kept than decide."""
    kept = leaf.at_least if leaf.at_most is None else leaf.at_most + 1
    return f"{count} or more" if count >= kept else str(count)


def _with(properties: Mapping[str, Any]) -> str:
    if not properties:
        return ""
    return f" ({', '.join(f'{name} {json.dumps(value)}' for name, value in properties.items())})"


def _times(leaf: Performed) -> str:
    if leaf.at_least == leaf.at_most:
        return f"exactly {_so_often(leaf.at_least)}"
    least = f"at least {_so_often(leaf.at_least)}" if leaf.at_least else ""
    most = "" if leaf.at_most is None else f"at most {_so_often(leaf.at_most)}"
    return " and ".join(filter(None, (least, most)))


def _so_often(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _window(leaf: Performed) -> str:
    if leaf.between_ms is not None:
        start_ms, end_ms = leaf.between_ms
        return f" from {rfc3339(start_ms)} to {rfc3339(end_ms)}"
    if leaf.within_ms is None:
        return " ever"
    for unit, unit_ms in (("days", DAY_MS), ("hours", 60 * MINUTE_MS), ("minutes", MINUTE_MS)):
        if leaf.within_ms % unit_ms == 0:
            return f" within {leaf.within_ms // unit_ms} {unit}"
    return f" within {leaf.within_ms / 1000:g} s"
