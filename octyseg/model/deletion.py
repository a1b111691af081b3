"""Deleting segments: first they stop to match and their tags are swept, then their names are free.

`plan_delete` marks segments; `swept` ends their deletion once every partition has said that no profile
holds their tags. The marked record stays on the topic for good, so that its id never comes back.
"""

import difflib
from collections.abc import Iterable, Iterator

from octyseg.model import rules_among
from octyseg.model.plan import Plan, Planned
from octyseg.model.registry import DefinitionRecord, Registry
from octyseg.model.stored import StoredSegment, encoded, segment_key


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
