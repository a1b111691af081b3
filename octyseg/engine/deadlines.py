"""What time does to one profile: deadlines fire, frames close, tags expire, the outdated is swept.

A deadline D acts once the clock has passed D + grace, strictly, so every record of that instant was
applied first.
"""

from octyseg.engine.catalog import Catalog
from octyseg.engine.rules import DEDUPE_WINDOW_MS, Rules
from octyseg.engine.sequence import contradict
from octyseg.engine.state import Instance, ProfileState
from octyseg.engine.subject import Match, Subject
from octyseg.model.change import Reason


def next_due(state: ProfileState, rules: Rules) -> int | None:
    """The instant the clock must pass before time changes anything for this profile; None: never."""
    instances = state.instances
    if len(instances) == 1 and not state.tags:
        return instances[0].deadline_ms + rules.grace_ms
    times = [instance.deadline_ms for instance in instances]
    times += [tag.expires_at_ms for tag in state.tags if tag.expires_at_ms]
    if times:
        return min(times) + rules.grace_ms
    if rules.forgets and holds_nothing(state):
        due_ms = max(state.seen.values()) + DEDUPE_WINDOW_MS if state.seen else 0
        if state.sightings:
            due_ms = max(due_ms, max([sighting.at_ms for sighting in state.sightings]) + rules.grace_ms)
        if state.cooling:
            # A match that must stay quiet may be made by an event that arrives as late as events may.
            due_ms = max(due_ms, max(state.cooling.values()) + rules.live_max_age_ms)
        return due_ms
    return None


def holds_nothing(state: ProfileState) -> bool:
    """Whether nothing is open, tagged, said of the profile or counted by a condition: only repeats are still known."""
    return not (
        state.instances
        or state.tags
        or state.performed
        or state.merged_into
        or state.created_at_ms is not None
        or state.customer_id
        or state.profile_data
        or state.platform_info
        or state.has_charged is not None
        or state.status
    )


def settle(subject: Subject, catalog: Catalog, clock_ms: int, rules: Rules) -> None:
    """Do for one profile all that the clock has passed, in the order of the deadlines."""
    state = subject.state
    passed_ms = clock_ms - rules.grace_ms
    due = [instance for instance in state.instances if instance.deadline_ms < passed_ms]
    for instance in sorted(due, key=lambda instance: instance.deadline_ms):
        _expire_tags(subject, catalog, instance.deadline_ms)
        state.instances.remove(instance)
        _run_out(subject, catalog, instance)
    _expire_tags(subject, catalog, passed_ms)


def _run_out(subject: Subject, catalog: Catalog, instance: Instance) -> None:
    """The deadline passed: an awaited inaction is a match, any other sequence ends silently."""
    segment = catalog.active(instance.segment_id, instance.version)
    if segment is None or instance.step >= len(segment.steps) or not segment.steps[instance.step].inaction:
        return
    match = Match(
        instance.anchor,
        instance.anchor_ms,
        instance.acted_ms,
        instance.deadline_ms,
        instance.deadline_ms,
        instance.cause,
        instance.correlation,
    )
    subject.match(segment, match)
    if instance.contradiction is not None:
        contradict(subject, segment, *instance.contradiction)


def _expire_tags(subject: Subject, catalog: Catalog, passed_ms: int) -> None:
    """Remove the tags whose time ran out strictly before `passed_ms`, earliest first."""
    expired = [tag for tag in subject.state.tags if tag.expires_at_ms and tag.expires_at_ms < passed_ms]
    for tag in sorted(expired, key=lambda tag: tag.expires_at_ms):
        segment = catalog.segments.get(tag.segment_id)
        webhook = segment is None or segment.webhook
        subject.remove(tag, "expired", tag.expires_at_ms, (tag.anchor,), webhook)


def is_outdated(state: ProfileState, catalog: Catalog) -> bool:
    """Whether the profile holds a tag or an instance that the catalog no longer backs."""
    return any(catalog.active(tag.segment_id, tag.version) is None for tag in state.tags) or any(
        catalog.active(instance.segment_id, instance.version) is None for instance in state.instances
    )


def sweep(subject: Subject, catalog: Catalog) -> None:
    """Cancel instances and take back tags of segments that were deleted or now match otherwise.

    An edit re-judges without webhooks; a deletion is a change like any other.
    """
    state = subject.state
    instances = [one for one in state.instances if catalog.active(one.segment_id, one.version) is not None]
    if len(instances) != len(state.instances):
        state.instances = instances
        subject.touch()
    for tag in list(state.tags):
        if catalog.active(tag.segment_id, tag.version) is not None:
            continue
        segment = catalog.segments.get(tag.segment_id)
        gone = segment is None or segment.deleted
        webhook = gone and (segment is None or segment.webhook)
        reason: Reason = "definition_deleted" if gone else "definition_changed"
        subject.remove(tag, reason, subject.now_ms, (), webhook)
