"""Rules that hold a segment against the known event types: those of the system, of the file, of the account.

An unknown type is a warning, because events of it are accepted all the same; a strict catalog makes it
an error. Listed in octyseg.model.definitions.rules.table; the known types come from the reader of definitions.
"""

import difflib
from collections.abc import Collection, Iterator, Mapping
from itertools import chain

from octyseg.model.definitions.definition import MAX_NAME_LENGTH
from octyseg.model.definitions.reading.draft import Draft
from octyseg.model.definitions.rules.conditions import conditions_of
from octyseg.model.definitions.spelling import Finding

EventTypes = Mapping[str, Collection[str]]


def v16(draft: Draft, known: EventTypes) -> Iterator[Finding]:
    """The event types of the segment are known."""
    for use, key in _uses(draft):
        event_type = use.text(key)
        if event_type is None or event_type in known or _is_no_name(event_type):
            continue
        near = difflib.get_close_matches(event_type, known, n=1)
        hint = f"did you mean {near[0]}?" if near else "declare it under kind: eventTypes, or check the spelling"
        yield use.at(key), f"{event_type} is not a known event type: {hint}"


def v17(draft: Draft, known: EventTypes) -> Iterator[Finding]:
    """The properties asked for exist on their event types."""
    for use, key in _uses(draft):
        event_type = use.text(key) or ""
        if event_type not in known:
            continue
        properties = known[event_type]
        for name in use.child("event_properties").node.entries:
            if name not in properties:
                yield (*use.at("event_properties"), name), _unknown(event_type, name, properties)
        correlation = draft.text("correlate_by")
        if correlation is not None and correlation not in properties:
            yield draft.at("correlate_by"), _unknown(event_type, correlation, properties)


def event_type(draft: Draft) -> Iterator[Finding]:
    """An event type can be the type of an event at all."""
    for use, key in _uses(draft):
        name = use.text(key)
        if name is not None and _is_no_name(name):
            text = f"{use.named(key)} must be 1 to {MAX_NAME_LENGTH} printable characters: correct it"
            yield use.at(key), text


def _unknown(event_type: str, name: str, properties: Collection[str]) -> str:
    near = difflib.get_close_matches(name, properties, n=1)
    known = f"it has {', '.join(sorted(properties))}" if properties else "it has no properties"
    hint = f"did you mean {near[0]}?" if near else f"{known}: correct the name, or add it to the event type"
    return f"{name} is not a property of {event_type}: {hint}"


def _is_no_name(name: str) -> bool:
    return not name.strip() or len(name) > MAX_NAME_LENGTH or not name.isprintable()


def _uses(draft: Draft) -> Iterator[tuple[Draft, str]]:
    """Whatever names an event type, and the key that names it."""
    steps = ((step, "event_type") for step in draft.steps)
    leaves = ((leaf, "performed") for leaf in conditions_of(draft) if leaf.has("performed"))
    return chain(steps, leaves)
