"""Deleting segments: first they stop to match and their tags are swept, then their names are free.

`plan_delete` marks segments; `swept` ends their deletion once every partition has said that no profile
holds their tags. The marked record stays on the topic for good, so that its id never comes back.
"""

import difflib
from collections.abc import Iterable, Iterator

from octyseg.model.definitions.plan import Plan, Planned
from octyseg.model.definitions.registry import DefinitionRecord, Registry
from octyseg.model.definitions.rules import among as rules_among
from octyseg.model.definitions.stored import StoredSegment, encoded, event_type_key, segment_key
from octyseg.model.ids import id_of_event_type


def plan_delete(registry: Registry, names_or_ids: Iterable[str], *, now_ms: int) -> Plan:
    """What deleting these segments would do; deleting twice is no problem and changes nothing."""
    deleted: list[StoredSegment] = []
    unchanged: list[Planned] = []
    problems: list[str] = []
    for wanted in dict.fromkeys(names_or_ids):
        stored = registry.segment(wanted)
        if stored is None:
            names = [segment.name for segment in registry.active()]
            near = difflib.get_close_matches(wanted, names, n=1)
            hint = f'did you mean "{near[0]}"?' if near else "octyseg get segments lists them"
            problems.append(f'there is no segment "{wanted}": {hint}')
        elif stored.status != "active":
            unchanged.append(Planned("segment", stored.name, stored.segment_id))
        elif stored not in deleted:
            deleted.append(stored)
    problems += _bereft(registry, {segment.name for segment in deleted})
    marked = [segment.model_copy(update={"deleted_at_ms": now_ms, "updated_at_ms": now_ms}) for segment in deleted]
    return Plan(
        deleted=tuple(Planned("segment", segment.name, segment.segment_id) for segment in deleted),
        unchanged=tuple(unchanged),
        problems=tuple(problems),
        appends=tuple((segment_key(segment.segment_id), encoded(segment)) for segment in marked),
    )


def plan_delete_event_types(registry: Registry, names_or_ids: Iterable[str]) -> Plan:
    """What forgetting these declared event types would do; one that a segment asks for stays."""
    declared = {stored.definition.event_type: stored for stored in registry.event_types()}
    ids = {id_of_event_type(name): name for name in declared}
    deleted: list[Planned] = []
    problems: list[str] = []
    for wanted in dict.fromkeys(names_or_ids):
        name = ids.get(wanted, wanted)
        users = [one.name for one in registry.active() if name in rules_among.asked_event_types(one.definition)]
        if name not in declared:
            problems.append(f'there is no event type "{wanted}": octyseg get event-types lists those that are declared')
        elif users:
            problems.append(f'"{name}" is asked for by "{users[0]}": change or delete that segment first')
        else:
            deleted.append(Planned("event type", name, id_of_event_type(name)))
    appends = tuple((event_type_key(one.name), None) for one in deleted)
    return Plan(deleted=tuple(deleted), problems=tuple(problems), appends=appends)


def swept(registry: Registry, segment_ids: Iterable[str], *, now_ms: int) -> list[DefinitionRecord]:
    """The records that end the deletion of segments of which no profile holds a tag; their names are free then."""
    pending = [segment for segment in registry.segments() if segment.status == "pending_deletion"]
    ids = set(segment_ids)
    ended = [segment.model_copy(update={"swept_at_ms": now_ms}) for segment in pending if segment.segment_id in ids]
    return [(segment_key(segment.segment_id), encoded(segment)) for segment in ended]


def _bereft(registry: Registry, gone: set[str]) -> Iterator[str]:
    """What to say of segments whose conditions ask for one that would be gone."""
    for segment in registry.active():
        for reference in rules_among.references(segment.definition):
            if reference in gone and segment.name not in gone:
                yield f'"{reference}" is asked for by "{segment.name}": change or delete that one first'
