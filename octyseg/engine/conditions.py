"""Operators on attributes of a profile. Unknown (missing) never admits; only `not_exists` admits absence.

Values compare as in octyseg.engine.matching; order is defined between numbers, between strings and
between instants (RFC 3339 or epoch milliseconds), and nothing else. Relative dates take `now` from
the caller; their amounts are `{"days": 3}` (or minutes, hours, weeks) or plain days.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from octyseg.engine.matching import same
from octyseg.model.segment import DAY_MS, MINUTE_MS, Condition

_MISSING = object()
_UNITS_MS = {"minutes": MINUTE_MS, "hours": 60 * MINUTE_MS, "days": DAY_MS, "weeks": 7 * DAY_MS}


def admits(condition: Condition, attributes: Mapping[str, Any], now_ms: int) -> bool:
    """Whether the profile with these attributes satisfies one condition at `now_ms`."""
    found = _find(condition.path, attributes)
    if condition.operator == "not_exists":
        return found is _MISSING
    if found is _MISSING:
        return False
    return _OPERATORS[condition.operator](found, condition.value, now_ms)


def is_missing(path: str, attributes: Mapping[str, Any]) -> bool:
    """Whether the profile has nothing at the path, or null."""
    return _find(path, attributes) is _MISSING


def value_at(path: str, attributes: Mapping[str, Any]) -> Any:
    """What the profile has at the path; None for nothing."""
    found = _find(path, attributes)
    return None if found is _MISSING else found


def turning_points(condition: Condition, attributes: Mapping[str, Any]) -> tuple[int, ...]:
    """The instants from which on time alone may make the condition say something else."""
    if condition.operator not in {"within_last", "more_than_ago"}:
        return ()
    at_ms = _instant(_find(condition.path, attributes))
    if at_ms is None:
        return ()
    return (at_ms, at_ms + amount_ms(condition.value))


def _find(path: str, attributes: Mapping[str, Any]) -> Any:
    """The value at a dotted path; a bare name is looked up in profile_data when it is no attribute itself."""
    found: Any = attributes
    for index, name in enumerate(path.split(".")):
        if index == 0 and name not in attributes:
            found = attributes.get("profile_data", {})
        if not isinstance(found, Mapping) or name not in found:
            return _MISSING
        found = found[name]
    return _MISSING if found is None else found


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any, int], bool]:
    def decide(found: Any, value: Any, _now_ms: int) -> bool:
        if isinstance(found, bool) or isinstance(value, bool):
            return False
        numbers = isinstance(found, int | float) and isinstance(value, int | float)
        texts = isinstance(found, str) and isinstance(value, str)
        return (numbers or texts) and compare(found, value)

    return decide


def _instant(value: Any) -> int | None:
    """Epoch milliseconds of an instant, None when the value is not one."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, str):
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    if parsed.tzinfo is None:
        return None
    return int(parsed.timestamp() * 1000)


def _dated(compare: Callable[[int, int], bool]) -> Callable[[Any, Any, int], bool]:
    def decide(found: Any, value: Any, _now_ms: int) -> bool:
        left, right = _instant(found), _instant(value)
        return left is not None and right is not None and compare(left, right)

    return decide


def amount_ms(value: Any) -> int:
    """A relative amount in milliseconds: `{"days": 3}`, or a plain number of days."""
    if isinstance(value, Mapping):
        return int(sum(_UNITS_MS[unit] * number for unit, number in value.items()))
    return int(value * DAY_MS)


def _within_last(found: Any, value: Any, now_ms: int) -> bool:
    at_ms = _instant(found)
    return at_ms is not None and now_ms - amount_ms(value) < at_ms <= now_ms


def _more_than_ago(found: Any, value: Any, now_ms: int) -> bool:
    at_ms = _instant(found)
    return at_ms is not None and at_ms <= now_ms - amount_ms(value)


def _contains(found: Any, value: Any, _now_ms: int) -> bool:
    if isinstance(found, str):
        return isinstance(value, str) and value in found
    return isinstance(found, list) and any(same(value, item) for item in found)


def _listed(found: Any, value: Any) -> bool:
    return isinstance(value, list | tuple) and any(same(item, found) for item in value)


_OPERATORS: dict[str, Callable[[Any, Any, int], bool]] = {
    "eq": lambda found, value, _now: same(value, found),
    "ne": lambda found, value, _now: not same(value, found),
    "gt": _ordered(lambda left, right: left > right),
    "gte": _ordered(lambda left, right: left >= right),
    "lt": _ordered(lambda left, right: left < right),
    "lte": _ordered(lambda left, right: left <= right),
    "in": lambda found, value, _now: _listed(found, value),
    "not_in": lambda found, value, _now: not _listed(found, value),
    "contains": _contains,
    "starts_with": lambda found, value, _now: (
        isinstance(found, str) and isinstance(value, str) and found.startswith(value)
    ),
    "ends_with": lambda found, value, _now: isinstance(found, str) and isinstance(value, str) and found.endswith(value),
    "exists": lambda _found, _value, _now: True,
    "before": _dated(lambda left, right: left < right),
    "after": _dated(lambda left, right: left > right),
    "within_last": _within_last,
    "more_than_ago": _more_than_ago,
}
