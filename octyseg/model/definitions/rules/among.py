"""Rules that compare definitions with each other: one per request, names, meanings, circles of segments.

Asked once for a file by octyseg.model.definitions.reading.loading, and again by octyseg.model.definitions.planning
for the file and everything that is defined already. `where` of a finding is the name of the definition it is about.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from octyseg.model.definitions.conditions import (
    AllOf,
    AnyOf,
    ConditionTree,
    NotThis,
    PerformedCondition,
    SegmentCondition,
)
from octyseg.model.definitions.definition import SegmentDefinition
from octyseg.model.definitions.meaning import meaning


class Among(NamedTuple):
    """A rule broken by a definition beside others."""

    name: str
    rule: str
    text: str


def v1(count: int) -> Iterator[Among]:
    """A create request holds one definition."""
    if count != 1:
        yield Among("", "V1", f"the request has {count} definitions: send exactly one")


def v22(names: list[str]) -> Iterator[tuple[int, Among]]:
    """No name is given twice: the index of each repetition, and what to say of it."""
    for index, name in enumerate(names):
        if name in names[:index]:
            yield index, Among(name, "V22", "another definition has this name: give each its own")


def v23(definitions: Mapping[str, SegmentDefinition], judged: frozenset[str]) -> Iterator[Among]:
    """No judged definition means the same as another one."""
    first: dict[str, str] = {}
    for name in sorted(definitions, key=lambda name: name in judged):
        same = first.setdefault(meaning(definitions[name]), name)
        if same != name and name in judged:
            yield Among(name, "V23", f'it means the same as "{same}": change its events, or keep only one of them')


def cycle(definitions: Mapping[str, SegmentDefinition], judged: frozenset[str]) -> Iterator[Among]:
    """No judged segment depends on itself by way of others; each circle is told once."""
    asked = {name: references(definition) for name, definition in definitions.items()}
    told: set[str] = set()
    for name in definitions:
        if name in judged and name not in told and (way := _way_back(name, asked)):
            told.update(way)
            circle = " -> ".join(way)
            yield Among(name, "cycle", f"it depends on itself ({circle}): remove one of these conditions")


def references(definition: SegmentDefinition) -> list[str]:
    """The names of the segments a definition's conditions ask for."""
    return [leaf.segment for leaf in _leaves(definition) if isinstance(leaf, SegmentCondition)]


def asked_event_types(definition: SegmentDefinition) -> set[str]:
    """Every event type the definition asks for."""
    performed = {leaf.performed for leaf in _leaves(definition) if isinstance(leaf, PerformedCondition)}
    return performed | {step.event_type for step in definition.event_sequence}


def asked_properties(definition: SegmentDefinition) -> Iterator[tuple[str, str]]:
    """Every event type and property the definition asks for."""
    for step in definition.event_sequence:
        for name in (*step.event_properties, *filter(None, [definition.correlate_by])):
            yield step.event_type, name
    for leaf in _leaves(definition):
        if isinstance(leaf, PerformedCondition):
            for name in leaf.event_properties:
                yield leaf.performed, name


def _leaves(definition: SegmentDefinition) -> Iterator[ConditionTree]:
    """The conditions of a dynamic segment without the groups around them."""
    waiting: list[ConditionTree] = [definition.conditions] if definition.conditions else []
    while waiting:
        match waiting.pop(0):
            case AllOf(all=children) | AnyOf(any=children):
                waiting.extend(children)
            case NotThis(not_=child):
                waiting.append(child)
            case leaf:
                yield leaf


def _way_back(start: str, asked: Mapping[str, list[str]]) -> list[str] | None:
    """The shortest way from a segment over its references to itself."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for name in asked.get(here, ()):
            if name == start:
                way = [start]
                while here != start:
                    way.append(here)
                    here = came_from[here]
                return [start, *reversed(way)]
            if name not in came_from:
                came_from[name] = here
                waiting.append(name)
    return None
