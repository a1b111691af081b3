"""From the conditions of a dynamic segment to the rule the engine evaluates: spans become milliseconds, names ids.

Part of octyseg.model.compile. `ids` maps the names of segments to their ids; a name nobody has any more
gives a leaf on a segment that does not exist, which never holds.
"""

from collections.abc import Mapping

from octyseg.model.definitions.conditions import (
    AllOf,
    AnyOf,
    AttributeCondition,
    ConditionTree,
    Count,
    NotThis,
    PerformedCondition,
    SegmentCondition,
    Within,
)
from octyseg.model.definitions.meaning import minutes_ms
from octyseg.model.definitions.rules.conditions import instant
from octyseg.model.segment import Condition, Either, Every, InSegment, Negated, Performed, Rule


def compile_rule(conditions: ConditionTree, ids: Mapping[str, str]) -> Rule:
    """The rule of a tree that passed its rules."""
    return _Compiling(ids).rule(conditions)


def compile_condition(condition: AttributeCondition) -> Condition:
    """A leaf on an attribute; an amount such as {days: 3} goes without the units it was not given in."""
    written = condition.model_dump(mode="json", exclude_none=True)
    return Condition(path=written["attribute"], operator=written["operator"], value=written.get("value"))


class _Compiling:
    """One tree on its way; numbers its performed leaves in the order in which they are written."""

    def __init__(self, ids: Mapping[str, str]) -> None:
        self._ids = ids
        self._leaves = 0

    def rule(self, tree: ConditionTree) -> Rule:
        match tree:
            case AllOf(all=parts):
                return Every(tuple(map(self.rule, parts)))
            case AnyOf(any=parts):
                return Either(tuple(map(self.rule, parts)))
            case NotThis(not_=part):
                return Negated(self.rule(part))
            case SegmentCondition():
                return InSegment(self._ids.get(tree.segment, ""), tree.operator == "in")
            case PerformedCondition():
                return self._performed(tree)
            case AttributeCondition():
                return compile_condition(tree)

    def _performed(self, leaf: PerformedCondition) -> Performed:
        number, self._leaves = self._leaves, self._leaves + 1
        at_least, at_most = _bounds(leaf.count)
        within_ms, between_ms = (None, None) if isinstance(leaf.within, str) else _window(leaf.within)
        properties = dict(leaf.event_properties)
        return Performed(number, leaf.performed, properties, at_least, at_most, within_ms, between_ms)


def _bounds(count: Count) -> tuple[int, int | None]:
    if count.exactly is not None:
        return count.exactly, count.exactly
    if count.at_least is None and count.at_most is None:
        return 1, None
    return count.at_least or 0, count.at_most


def _window(within: Within) -> tuple[int | None, tuple[int, int] | None]:
    if within.between is None:
        return minutes_ms((within.minutes or 0) + 60 * (within.hours or 0) + 24 * 60 * (within.days or 0)), None
    start, end = map(instant, within.between)
    assert start is not None
    assert end is not None
    return None, (round(start.timestamp() * 1000), round(end.timestamp() * 1000))
