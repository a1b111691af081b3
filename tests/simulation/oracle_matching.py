"""How the oracle compares: properties of events, correlations and conditions, in the plainest words.

Written apart from the engine on purpose; the two agreeing is what the tests show.
"""

import json
from datetime import datetime


def equal(wanted, found):
    """Whether two JSON values are the same: types are strict, but 1 is 1.0."""
    kinds = {kind(wanted), kind(found)}
    if len(kinds) > 1:
        return False
    if kinds == {"object"}:
        return sorted(wanted) == sorted(found) and all(equal(wanted[name], found[name]) for name in wanted)
    if kinds == {"array"}:
        return len(wanted) == len(found) and all(equal(one, other) for one, other in zip(wanted, found, strict=True))
    return wanted == found


def kind(value):
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    return {int: "number", float: "number", str: "string", list: "array", dict: "object"}[type(value)]


def fits(segment, step, event_type, properties):
    """Whether an event is one that a step asks for."""
    if step.event_type != event_type:
        return False
    for name, wanted in step.properties.items():
        if name not in properties:
            return False
        found = properties[name]
        as_text = segment.compat_octy and kind(wanted) == "string" and kind(found) in {"number", "boolean"}
        if not equal(wanted, found) and not (as_text and wanted == json.dumps(found)):
            return False
    return True


def correlation(segment, properties):
    """What tells the instances of a segment apart: the value's text, or None for all events without one."""
    if segment.correlate_by is None or segment.correlate_by not in properties:
        return None
    value = properties[segment.correlate_by]
    if kind(value) == "number" and value == int(value):
        value = int(value)
    return json.dumps(value, sort_keys=True)


def holds(condition, attributes, now_ms):
    """Whether a profile meets a condition; what it does not have never does, except for not_exists."""
    found = attributes
    names = condition.path.split(".")
    if names[0] not in attributes:
        names = ["profile_data", *names]
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    if found is None or condition.operator == "not_exists":
        return condition.operator == "not_exists" and found is None
    wanted = condition.value
    match condition.operator:
        case "exists":
            return True
        case "eq":
            return equal(wanted, found)
        case "ne":
            return not equal(wanted, found)
        case "gt" | "gte" | "lt" | "lte":
            if kind(wanted) != kind(found) or kind(found) not in {"number", "string"}:
                return False
            above, same = found > wanted, found == wanted
            return {"gt": above, "gte": above or same, "lt": not above and not same, "lte": not above}[
                condition.operator
            ]
        case "within_last" | "more_than_ago":
            since_ms = now_ms - wanted * 24 * 60 * 60 * 1000
            at_ms = found if kind(found) == "number" else int(datetime.fromisoformat(found).timestamp() * 1000)
            return since_ms < at_ms <= now_ms if condition.operator == "within_last" else at_ms <= since_ms
    raise AssertionError(f"the oracle does not know {condition.operator}")
