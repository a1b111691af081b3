"""From a stored definition to the Segment the engine reads: minutes become milliseconds, names become values.

`compile_segment` serves the catalog; `compile_definitions` serves replay and tests, where a file has no
ids yet. The engine acts on live and dynamic segments only, so the others carry no steps: their events
must not cost it anything. It does not judge: what comes in has passed the rules.
"""

from collections.abc import Iterable, Mapping

from octyseg.model.definitions.compile_rule import compile_condition, compile_rule
from octyseg.model.definitions.definition import SegmentDefinition
from octyseg.model.definitions.meaning import minutes_ms
from octyseg.model.definitions.stored import StoredSegment
from octyseg.model.ids import id_of_name
from octyseg.model.segment import Segment, Step


def compile_segment(stored: StoredSegment, ids: Mapping[str, str] | None = None) -> Segment:
    """The segment for the engine; a deleted one is flagged, so that its tags are swept.

    `ids` has the ids of segments by name, for the conditions that ask for other segments.
    """
    definition = stored.definition
    live = definition.segment_type == "live"
    return Segment(
        segment_id=stored.segment_id,
        tag=definition.segment_name,
        version=stored.version,
        segment_type=definition.segment_type,
        sub_type=definition.segment_sub_type or 1,
        matching_since=stored.matching_since,
        steps=_steps(definition) if live else (),
        on_repeat=definition.on_repeat,
        correlate_by=definition.correlate_by,
        notify=definition.notify,
        cooldown_ms=minutes_ms(definition.cooldown_minutes),
        tag_ttl_ms=minutes_ms(definition.tag_ttl_minutes or 0),
        conditions=tuple(map(compile_condition, definition.profile_conditions)),
        compat_octy=definition.compat == "octy",
        webhook=definition.webhook,
        notify_backfill=definition.notify_backfill,
        deleted=stored.deleted_at_ms is not None,
        rule=None if definition.conditions is None else compile_rule(definition.conditions, ids or {}),
    )


def compile_definitions(definitions: Iterable[SegmentDefinition]) -> tuple[Segment, ...]:
    """Segments of definitions nobody has applied, with ids made of their names."""
    definitions = tuple(definitions)
    ids = {definition.segment_name: id_of_name(definition.segment_name) for definition in definitions}
    return tuple(
        compile_segment(
            StoredSegment(
                segment_id=id_of_name(definition.segment_name),
                version=1,
                matching_since=1,
                created_at_ms=0,
                updated_at_ms=0,
                definition=definition,
            ),
            ids,
        )
        for definition in definitions
    )


def _steps(definition: SegmentDefinition) -> tuple[Step, ...]:
    return tuple(
        Step(
            event_type=step.event_type,
            properties=dict(step.event_properties),
            within_ms=minutes_ms(step.exp_timeframe),
            inaction=step.action_inaction == "inaction",
        )
        for step in definition.event_sequence
    )
