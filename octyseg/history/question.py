"""What definitions ask of history, before anybody asks: a tree of questions on the events of one profile.

    Happened    an event that matches, in a window: `(after_ms, until_ms]`
    Counted     how many events match any of some patterns, in a window
    Sequence    patterns matched one after the other in a window, each by a later event than the one before
    Quiet       no event matches after the last one that matches any of some other patterns
    Known       a value that was found out beforehand: a leaf on attributes, being in another segment
    AllOf, AnyOf, Not

Past segments: SEMANTICS of docs/semantics.md, "Past segments"; dynamic ones: the rule of octyseg.engine.truth,
asked of the whole past. Unknown is null, as in SQL, whose `and`, `or` and `not` treat it as the rules do.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

from msgspec import Struct

from octyseg.history.rows import line_of, texts_of
from octyseg.model.definitions.definition import EventStep, SegmentDefinition
from octyseg.model.segment import DAY_MS, Condition, Either, Every, InSegment, Negated, Performed, Rule


class Pattern(Struct, frozen=True):
    """An event type and, of each property asked for, the lines of which one must stand in the event's text."""

    event_type: str
    lines: tuple[tuple[str, ...], ...] = ()


class Window(Struct, frozen=True):
    """From after `after_ms` up to and with `until_ms`; None: ever since."""

    after_ms: int | None
    until_ms: int


class Happened(Struct, frozen=True):
    """At least one event of the pattern."""

    pattern: Pattern
    window: Window


class Counted(Struct, frozen=True):
    """So many events that match any of the patterns; `at_most` None: no bound."""

    patterns: tuple[Pattern, ...]
    window: Window
    at_least: int
    at_most: int | None = None


class InOrder(Struct, frozen=True):
    """All patterns, each by a later event than the one before; equal times count in the order of the log."""

    patterns: tuple[Pattern, ...]
    window: Window


class Quiet(Struct, frozen=True):
    """None of `pattern` behind the last of `after`."""

    pattern: Pattern
    after: tuple[Pattern, ...]
    window: Window


class Known(Struct, frozen=True):
    """The value of a leaf for each profile, by the leaf's name; absent: `otherwise`."""

    leaf: str
    otherwise: bool | None


class AllOf(Struct, frozen=True):
    """Every part."""

    parts: "tuple[Question, ...]"


class AnyOf(Struct, frozen=True):
    """At least one part."""

    parts: "tuple[Question, ...]"


class Not(Struct, frozen=True):
    """The part does not hold, and that is known."""

    part: "Question"


Question = Happened | Counted | InOrder | Quiet | Known | AllOf | AnyOf | Not

# The name under which a leaf on attributes or on another segment is found out: by whoever answers.
Naming = Callable[[Condition | InSegment], str]


def past(definition: SegmentDefinition, as_of_ms: int, property_leaf: str | None) -> Question:
    """The question of a past segment; `property_leaf` names the leaf that sub types 3 and 4 ask for."""
    window = Window(as_of_ms - definition.segment_timeframe * DAY_MS, as_of_ms)
    as_text = definition.compat == "octy"
    actions = [pattern_of(step, as_text) for step in definition.event_sequence if step.action_inaction == "action"]
    inactions = [pattern_of(step, as_text) for step in definition.event_sequence if step.action_inaction == "inaction"]
    parts: list[Question] = []
    if len(actions) == 1:
        parts.append(Happened(actions[0], window))
    elif definition.ordered:
        parts.append(InOrder(tuple(actions), window))
    else:
        parts += _each(actions, window)
    for pattern in inactions:
        if definition.inaction_scope == "window":
            parts.append(Not(Happened(pattern, window)))
        else:
            parts.append(Quiet(pattern, tuple(actions[-1:] if definition.ordered else actions), window))
    if property_leaf is not None:
        parts.append(Known(property_leaf, False))
    return AllOf(tuple(parts))


def dynamic(rule: Rule, as_of_ms: int, naming: Naming, record_leaf: str) -> Question:
    """The question of a dynamic segment: its rule, of whom it is about."""
    leaves = list(performed_in(rule))
    founding: list[Question] = [Known(record_leaf, False)]
    founding += [Happened(pattern_of_leaf(leaf), Window(None, as_of_ms)) for leaf in leaves]
    # Whoever is in a segment that it asks for is somebody it is about.
    founding += [Known(naming(leaf), False) for leaf in segments_in(rule) if leaf.segment_id]
    return AllOf((AnyOf(tuple(founding)), _ruled(rule, as_of_ms, naming)))


def performed_in(rule: Rule) -> Iterator[Performed]:
    """The leaves on events, as they are written."""
    match rule:
        case Performed():
            yield rule
        case Every(parts) | Either(parts):
            for part in parts:
                yield from performed_in(part)
        case Negated(part):
            yield from performed_in(part)


def segments_in(rule: Rule) -> Iterator[InSegment]:
    """The leaves on other segments."""
    match rule:
        case InSegment():
            yield rule
        case Every(parts) | Either(parts):
            for part in parts:
                yield from segments_in(part)
        case Negated(part):
            yield from segments_in(part)


def pattern_of(step: EventStep, as_text: bool) -> Pattern:
    """What an event of a past segment must be."""
    return _pattern(step.event_type, step.event_properties, as_text=as_text)


def pattern_of_leaf(leaf: Performed) -> Pattern:
    """What an event must be that a leaf counts."""
    return _pattern(leaf.event_type, leaf.properties)


def patterns_in(question: Question) -> Iterator[tuple[Pattern, Window]]:
    """Everything that is asked of events."""
    match question:
        case Happened(pattern, window):
            yield pattern, window
        case Counted(patterns, window) | InOrder(patterns, window):
            yield from ((pattern, window) for pattern in patterns)
        case Quiet(pattern, after, window):
            yield from ((one, window) for one in (pattern, *after))
        case AllOf(parts) | AnyOf(parts):
            for part in parts:
                yield from patterns_in(part)
        case Not(part):
            yield from patterns_in(part)


def _pattern(event_type: str, properties: dict[str, Any], *, as_text: bool = False) -> Pattern:
    lines = (
        tuple(dict.fromkeys(line_of(name, text) for text in texts_of(value, as_text=as_text)))
        for name, value in sorted(properties.items())
    )
    return Pattern(event_type, tuple(lines))


def _each(actions: Sequence[Pattern], window: Window) -> Iterator[Question]:
    """Every action in any order, each by an event of its own.

    There are such events exactly when any so many of the actions are matched by as many events (Hall, 1935);
    actions of different types never share an event.
    """
    times = Counter(actions)
    for event_type in dict.fromkeys(pattern.event_type for pattern in actions):
        distinct = [pattern for pattern in times if pattern.event_type == event_type]
        for size in range(1, len(distinct) + 1):
            for some in combinations(distinct, size):
                yield Counted(some, window, sum(times[pattern] for pattern in some))


def _ruled(rule: Rule, as_of_ms: int, naming: Naming) -> Question:
    match rule:
        case Every(parts):
            return AllOf(tuple(_ruled(part, as_of_ms, naming) for part in parts))
        case Either(parts):
            return AnyOf(tuple(_ruled(part, as_of_ms, naming) for part in parts))
        case Negated(part):
            return Not(_ruled(part, as_of_ms, naming))
        case Performed():
            return Counted((pattern_of_leaf(rule),), _window(rule, as_of_ms), rule.at_least, rule.at_most)
        case InSegment():
            inside = Known(naming(rule), False if rule.segment_id else None)
            return inside if rule.member else Not(inside)
        case Condition():
            return Known(naming(rule), True if rule.operator == "not_exists" else None)


def _window(leaf: Performed, as_of_ms: int) -> Window:
    if leaf.between_ms is not None:
        start_ms, end_ms = leaf.between_ms
        return Window(start_ms - 1, min(end_ms, as_of_ms))
    return Window(None if leaf.within_ms is None else as_of_ms - leaf.within_ms, as_of_ms)
