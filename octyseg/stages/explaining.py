"""Explain one membership from what stands on the log: the newest state of the profile, and the definitions.

Asked by `octyseg explain` and the API. The instant is the log's time where the live stage has applied all
there is; while it is behind, time has come no further for it than the profile's last record.
"""

from octyseg.engine.catalog import Catalog
from octyseg.engine.explain import Explanation, Question, explain
from octyseg.engine.rules import Rules
from octyseg.errors import NotFound
from octyseg.log.port import Log
from octyseg.model.definitions.registry import Registry
from octyseg.model.placement import partition_of
from octyseg.stages.fold import fold


async def explain_membership(
    log: Log, namespace: str, registry: Registry, rules: Rules, *, profile_id: str, segment: str
) -> tuple[Explanation, int]:
    """The explanation, and how many events of its partition the live stage has still to apply.

    NotFound when the segment or the profile is not known. `segment` is a name or an id.
    """
    catalog = Catalog(registry.engine_segments())
    stored = registry.segment(segment)
    compiled = None if stored is None else catalog.active(stored.segment_id, stored.version)
    if compiled is None:
        msg = f'there is no segment "{segment}": `octyseg get segments` lists them'
        raise NotFound(msg)
    events = namespace + "events"
    number = partition_of(profile_id, await log.partitions(events))
    folded = await fold(log, namespace, number, only=profile_id)
    if profile_id not in folded.states:
        msg = f"nothing is known of profile {profile_id}: no record of it came that any segment could be about"
        raise NotFound(msg)
    state = folded.state(profile_id)
    if state.merged_into is not None:
        msg = f"profile {profile_id} was merged into {state.merged_into}: ask about that one"
        raise NotFound(msg)
    told_ms, ends = await log.ends_as_of([events], [number])
    applied = (await log.committed(f"{namespace}live", events, [number]))[number] or 0
    behind = max(ends[events, number] - applied, 0)
    as_of_ms = max(state.arrived_at_ms, state.settled_ms) if behind or not told_ms else told_ms
    adopted = folded.adopted.get(compiled.segment_id)
    stands = adopted is not None and adopted.version >= compiled.matching_since and adopted.ready_offset >= 0
    is_building = compiled.rule is not None and not stands
    question = Question(profile_id, state, compiled, as_of_ms)
    return explain(question, catalog, rules, is_building=is_building), behind
