"""The state machine of a live sequence: what one event does to one profile's run of one segment.

Rules, all in event time, independent of when records happen to arrive within the grace:

    open      step 1 with no instance whose frame still runs; `restart` re-anchors, `parallel` adds
    advance   the awaited action within [last action, deadline]; the last action of all is a match
    cancel    the inaction's event within [last action, deadline], seen after the action or later in time
    contradict  the inaction's event after the deadline of the match that earned the tag: the tag goes
    correct   the inaction's event inside the frame of a match that has fired, within the horizon: the tag goes

An instance past its deadline waits for the grace: it takes no further part but can still be
cancelled by a late event, and a contradiction of it is kept until it fires, so that both changes
come out in order. What time does is octyseg.engine.deadlines.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from octyseg.engine.bounds import OPEN_INSTANCES
from octyseg.engine.interests import Parts, Played, inaction_key
from octyseg.engine.matching import correlation_of
from octyseg.engine.rules import INACTIONS, PARALLEL_INSTANCES, SIGHTINGS, Rules
from octyseg.engine.state import Instance, ProfileState, Sighting
from octyseg.engine.subject import Match, Subject
from octyseg.model.segment import Segment


class Happening(Struct, frozen=True, gc=False):
    """One event of the profile in hand: its id, its time and its properties."""

    event_id: str
    at_ms: int
    properties: Mapping[str, Any]


def apply_all(subject: Subject, played: Played, event: Happening, rules: Rules) -> None:
    """Let one matching event act on the profile: on every segment it plays a part in."""
    state = subject.state
    if state.sightings:
        state.sightings = [one for one in state.sightings if one.at_ms + rules.grace_ms >= subject.now_ms]
    for segment, parts in played.parts if state.instances or state.tags else played.opening:
        correlation = correlation_of(segment.correlate_by, event.properties) if segment.correlate_by else None
        _apply(subject, segment, parts, event, correlation, rules)
    if played.sighted or played.correlated:
        _note_sighting(state, played, event, is_fresh=event.at_ms + rules.grace_ms >= subject.now_ms)


def _note_sighting(state: ProfileState, played: Played, event: Happening, *, is_fresh: bool) -> None:
    """The event did what segments wait for not to be done; a fresh one is kept for actions that arrive after it."""
    for key in played.inactions:
        note_inaction(state.inactions, key, event.at_ms)
    sighted = played.sighted
    if played.correlated:
        sighted = sighted.copy()
        for segment, parts in played.correlated:
            assert segment.correlate_by is not None
            correlation = sighted[segment.segment_id] = correlation_of(segment.correlate_by, event.properties)
            last, key = segment.steps[-1], parts.inaction
            if correlation is not None:
                key = inaction_key(last.event_type, last.properties, correlation)
            note_inaction(state.inactions, key, event.at_ms)
    if is_fresh:
        state.sightings = [*state.sightings[1 - SIGHTINGS :], Sighting(event.event_id, event.at_ms, sighted)]


def note_inaction(inactions: dict[int, int], key: int, at_ms: int) -> None:
    """Remember the newest; of too many the one that is longest ago goes."""
    if at_ms > inactions.get(key, -1):
        inactions[key] = at_ms
        if len(inactions) > INACTIONS:
            del inactions[min(inactions, key=inactions.__getitem__)]


def _apply(  # noqa: PLR0917 - private, one caller
    subject: Subject, segment: Segment, parts: Parts, event: Happening, correlation: str | None, rules: Rules
) -> None:
    state, at_ms = subject.state, event.at_ms
    if state.tags:
        expire_before(subject, segment, at_ms)
    if len(segment.steps) == 1:
        subject.match(segment, Match(event.event_id, at_ms, at_ms, at_ms, at_ms, (event.event_id,), correlation))
        return
    mine: list[Instance] = []
    if state.instances:
        segment_id = segment.segment_id
        mine = [one for one in state.instances if one.segment_id == segment_id and one.correlation == correlation]
    if parts.cancels and (state.instances or state.tags):
        _cancel(subject, segment, mine, event, correlation, rules)
    moved = parts.advances and mine and _advance(subject, segment, mine, parts.advances, event)
    if parts.opens and (not moved or segment.on_repeat == "parallel"):
        _open(subject, segment, mine, event, correlation)


def _cancel(  # noqa: PLR0917 - private, one caller
    subject: Subject,
    segment: Segment,
    mine: list[Instance],
    event: Happening,
    correlation: str | None,
    rules: Rules,
) -> None:
    """The event of the inaction step came; cancelled instances leave `mine` too."""
    last = len(segment.steps) - 1
    for instance in mine[:]:
        if instance.step == last and instance.acted_ms <= event.at_ms <= instance.deadline_ms:
            _give_up(subject, segment, mine, instance)
    tag = subject.tag(segment.segment_id)
    if (
        tag is not None
        and tag.acted_ms <= event.at_ms <= tag.deadline_ms
        and tag.correlation == correlation
        and subject.now_ms - tag.deadline_ms <= rules.correction_horizon_ms
    ):
        subject.remove(tag, "late_event", event.at_ms, (event.event_id,), segment.webhook)
    contradict(subject, segment, event.event_id, event.at_ms)


def contradict(subject: Subject, segment: Segment, event_id: str, at_ms: int) -> None:
    """Take the tag away, or have the last match that may still come before the event do it once it came."""
    instance = _last_waiting(subject, segment, at_ms)
    if instance is not None:
        if instance.contradiction is None or at_ms < instance.contradiction[1]:
            instance.contradiction = (event_id, at_ms)
        return
    expire_before(subject, segment, at_ms)
    tag = subject.tag(segment.segment_id)
    if tag is not None and at_ms > tag.deadline_ms:
        subject.remove(tag, "contradicted", at_ms, (event_id,), segment.webhook)


def expire_before(subject: Subject, segment: Segment, at_ms: int) -> None:
    """A tag that ran out before this instant goes, unless a match may still come that prolonged it in time."""
    tag = subject.tag(segment.segment_id)
    if tag is None or not tag.expires_at_ms or at_ms <= tag.expires_at_ms:
        return
    if _last_waiting(subject, segment, tag.expires_at_ms + 1) is None:
        subject.remove(tag, "expired", tag.expires_at_ms, (tag.anchor,), segment.webhook)


def _last_waiting(subject: Subject, segment: Segment, before_ms: int) -> Instance | None:
    """Of the instances that await the inaction and whose frame ended before this instant, the latest to end."""
    found = None
    if segment.steps[-1].inaction:
        last = len(segment.steps) - 1
        for one in subject.state.instances:
            if one.segment_id == segment.segment_id and one.step == last and one.deadline_ms < before_ms:
                found = one if found is None or one.deadline_ms >= found.deadline_ms else found
    return found


def _advance(
    subject: Subject, segment: Segment, mine: list[Instance], steps: tuple[int, ...], event: Happening
) -> bool:
    """Move every instance on that awaits this action; true when one did."""
    moved = False
    at_ms = event.at_ms
    for instance in mine[:]:
        if instance.step not in steps or not instance.acted_ms <= at_ms <= instance.deadline_ms:
            continue
        moved = True
        instance.cause.append(event.event_id)
        if instance.step + 1 == len(segment.steps):
            _drop(subject, mine, instance)
            match = Match(
                instance.anchor, instance.anchor_ms, at_ms, at_ms, at_ms, instance.cause, instance.correlation
            )
            subject.match(segment, match)
        elif not _await_next(subject, segment, instance, at_ms):
            _drop(subject, mine, instance)
    return moved


def _open(subject: Subject, segment: Segment, mine: list[Instance], event: Happening, correlation: str | None) -> None:
    """An action that matches step 1, and advanced nothing."""
    if segment.compat_octy:
        contradict(subject, segment, event.event_id, event.at_ms)
    running = [instance for instance in mine if event.at_ms <= instance.deadline_ms]
    if running and segment.on_repeat == "ignore":
        return
    if running and segment.on_repeat == "restart":
        if event.at_ms < running[-1].acted_ms:
            return
        for instance in running:
            _give_up(subject, segment, mine, instance)
    instance = Instance(
        segment.segment_id, segment.version, event.event_id, event.at_ms, 0, 0, 0, [event.event_id], correlation
    )
    subject.state.instances.append(instance)
    if not _await_next(subject, segment, instance, event.at_ms):
        subject.state.instances.remove(instance)
    elif segment.on_repeat == "parallel" and len(running) >= PARALLEL_INSTANCES:
        _give_up(subject, segment, mine, running[0])
    if len(subject.state.instances) > OPEN_INSTANCES:
        del subject.state.instances[0]


def _give_up(subject: Subject, segment: Segment, mine: list[Instance], instance: Instance) -> None:
    """An instance ends without a match; what it kept contradicts what else there is."""
    _drop(subject, mine, instance)
    if instance.contradiction is not None:
        contradict(subject, segment, *instance.contradiction)


def _drop(subject: Subject, mine: list[Instance], instance: Instance) -> None:
    mine.remove(instance)
    subject.state.instances.remove(instance)


def _await_next(subject: Subject, segment: Segment, instance: Instance, acted_ms: int) -> bool:
    """The awaited step was done at `acted_ms`: wait for the next; false when its inaction was seen to fail."""
    instance.deadline_ms = acted_ms + segment.steps[instance.step].within_ms
    instance.acted_ms = acted_ms
    instance.step += 1
    if not subject.state.sightings or not segment.steps[instance.step].inaction:
        return True
    missing = object()
    for sighting in subject.state.sightings:
        if (
            acted_ms < sighting.at_ms <= instance.deadline_ms
            and sighting.segments.get(segment.segment_id, missing) == instance.correlation
        ):
            return False
    for sighting in subject.state.sightings:
        if sighting.at_ms > instance.deadline_ms and segment.segment_id in sighting.segments:
            contradict(subject, segment, sighting.event_id, sighting.at_ms)
    return True
