"""Merging: a child hands over what it is, its parent takes it in, and later records of the child follow.

    part      the child's side: nothing is left but where it went, and the command that says what it was
    unite     the parent's side: tags with their earliest entry, open sequences with their anchors, what is counted

A sequence that awaits an inaction is cancelled when either side did it meanwhile. Receivers are not told of
the merge itself. Offsets of another partition are kept apart from our own by their sign.
"""

from collections.abc import Iterator

from msgspec import Struct
from msgspec.structs import replace

from octyseg.engine import attributes, dynamic
from octyseg.engine.bounds import CHILDREN_KNOWN, OPEN_INSTANCES
from octyseg.engine.catalog import Catalog
from octyseg.engine.dynamic import Noticed, Stand, Trigger
from octyseg.engine.interests import inaction_key
from octyseg.engine.rules import DEDUPE_IDS, PARALLEL_INSTANCES, SIGHTINGS
from octyseg.engine.sequence import note_inaction
from octyseg.engine.state import Instance, ProfileState, encode_state
from octyseg.engine.subject import Subject
from octyseg.model.command import Backfill, Forward, Union, encode
from octyseg.model.record import Merge, is_profile_id
from octyseg.model.refusal import Refusal
from octyseg.model.segment import Segment

_PARTITION_OFFSETS = 1 << 40
_LONGEST_PATH = 256
_OFFSETS_KNOWN = 32


def foreign(partition: int, offset: int) -> int:
    """An offset of another partition as no offset of ours can be; one that is foreign already stays as it is."""
    return offset if offset < 0 else -1 - partition * _PARTITION_OFFSETS - offset


def refusal(record: Merge, state: ProfileState, profile_id: str | None = None) -> Refusal | None:
    """Why a profile cannot be merged into another: they are one already, the other way round."""
    child = record.profile_id if profile_id is None else profile_id
    if record.into == child:
        return Refusal("merge_loop", f"profile {child} is to be merged into itself: name another one")
    if record.into in state.united:
        text = f"profile {record.into} was merged into {child} before: send its records under {child}"
        return Refusal("merge_loop", text)
    if not is_profile_id(record.into):
        return Refusal("bad_profile_id", f"into {record.into!r} names nobody: send the id of a profile")
    return None


class Source(Struct, frozen=True):
    """Where the record stood that merged a profile: among events, or among commands when it was forwarded itself."""

    partition: int
    offset: int
    by_command: bool = False


def part(subject: Subject, into: str, at_ms: int, source: Source) -> Union:
    """Empty the child; by `source` a repeat of the hand-over is known."""
    state = subject.state
    union = Union(
        into, subject.profile_id, source.partition, source.offset, at_ms, encode_state(state), source.by_command
    )
    for tag in list(state.tags):
        # Not at what earned the tag: merged in a circle, it may come back and go again.
        anchor = f"merged-into-{into}#{source.by_command:d}-{source.offset}@{at_ms}"
        subject.assign(tag, member=False, reason="merged", at_ms=at_ms, anchor=anchor, cause=(), webhook=False)
    subject.state = ProfileState(
        sequence=state.sequence + 1,
        events_offset=state.events_offset,
        commands_offset=state.commands_offset,
        merged_into=into,
        handing=encode(union),
        arrived_at_ms=state.arrived_at_ms,
        updated_at_ms=at_ms,
        # Merged in a circle, it may be the one that stays: repeats must be known before what it was comes back.
        seen=state.seen,
        united=state.united,
    )
    return union


def unite(subject: Subject, child: ProfileState, union: Union, catalog: Catalog, stand: Stand) -> None:
    """Take the child in."""
    state = subject.state
    attributes.unite(state, child)
    for key, at_ms in child.inactions.items():
        note_inaction(state.inactions, key, at_ms)
    for known, offsets in child.united.items():
        _know(state, known, *offsets)
    state.seen = dict([*child.seen.items(), *state.seen.items()][-DEDUPE_IDS:])
    state.sightings = sorted((*child.sightings, *state.sightings), key=lambda one: one.at_ms)[-SIGHTINGS:]
    for segment_id, until_ms in child.cooling.items():
        state.cooling[segment_id] = max(until_ms, state.cooling.get(segment_id, 0))
    entered_ms = _unite_tags(subject, child, union, catalog)
    state.instances = sorted(_united_instances(state, child, catalog), key=lambda one: one.anchor_ms)[-OPEN_INSTANCES:]
    state.sequence += 1
    _count_on(subject, child, union, stand)
    for segment_id, at_ms in entered_ms.items():
        tag = subject.tag(segment_id)
        if tag is not None:
            tag.created_at_ms = min(tag.created_at_ms, at_ms)


def _unite_tags(subject: Subject, child: ProfileState, union: Union, catalog: Catalog) -> dict[str, int]:
    """Tags of the child come over; gives when it entered each segment. Dynamic segments are judged, not united."""
    entered_ms: dict[str, int] = {}
    anchor = f"merged-{union.child}#{subject.state.commands_offset}@{union.at_ms}"
    for tag in child.tags:
        if catalog.active(tag.segment_id, tag.version) is None:
            continue
        entered_ms[tag.segment_id] = tag.created_at_ms
        own = subject.tag(tag.segment_id)
        if own is not None:
            expires = (own.expires_at_ms, tag.expires_at_ms)
            own.expires_at_ms = max(expires) if all(expires) else 0
        elif tag.segment_type != "dynamic":
            subject.assign(tag, member=True, reason="merged", at_ms=union.at_ms, anchor=anchor, cause=(), webhook=False)
    return entered_ms


def _united_instances(state: ProfileState, child: ProfileState, catalog: Catalog) -> Iterator[Instance]:
    """Sequences of both that still run, as many of each as its segment lets be open at once."""
    both = sorted((*state.instances, *child.instances), key=lambda one: one.anchor_ms)
    places: dict[tuple[str, str | None], list[Instance]] = {}
    for instance in both:
        segment = catalog.active(instance.segment_id, instance.version)
        if segment is not None and not _was_done(segment, instance, state.inactions):
            places.setdefault((instance.segment_id, instance.correlation), []).append(instance)
    for (segment_id, _), instances in places.items():
        match catalog.segments[segment_id].on_repeat:
            case "ignore":
                yield instances[0]
            case "restart":
                yield instances[-1]
            case "parallel":
                yield from instances[-PARALLEL_INSTANCES:]


def _was_done(segment: Segment, instance: Instance, inactions: dict[int, int]) -> bool:
    """Whether what the instance waits not to happen happened on either side."""
    awaited = segment.steps[instance.step]
    if not awaited.inaction:
        return False
    at_ms = inactions.get(inaction_key(awaited.event_type, awaited.properties, instance.correlation))
    return at_ms is not None and instance.acted_ms <= at_ms <= instance.deadline_ms


def _count_on(subject: Subject, child: ProfileState, union: Union, stand: Stand) -> None:
    """What dynamic segments count is counted together, and each of them judged."""
    noticed = Noticed()
    for key, entries in child.performed.items():
        selector = stand.dynamics.selectors.get(key)
        for at_ms, offset in () if selector is None else entries:
            assert selector is not None
            entry = (at_ms, foreign(union.partition, offset))
            dynamic.notice(subject.state, selector, entry, stand.horizon_ms, noticed)
    trigger = Trigger(f"merged-{union.child}", union.at_ms, webhook=False, reason="merged")
    everyone = range(len(stand.dynamics.ruled))
    dynamic.cascade(subject, stand, everyone, trigger, len(subject.changes))


def was_taken_over(state: ProfileState, command: Union | Forward) -> bool:
    """Whether this came before. Records of a child come in order, but for those that went round in a circle."""
    if isinstance(command, Union):
        return _identity(command) in state.united
    known = state.united.get(command.child, ())
    return command.offset in known or (bool(known) and not _circled(command) and command.offset < max(known))


def take_note(state: ProfileState, command: Union | Forward) -> None:
    """Know it when it comes again."""
    if isinstance(command, Union):
        state.united[_identity(command)] = []
        _know(state, command.child, *(() if command.by_command else (command.offset,)))
    else:
        _know(state, command.child, command.offset)


def _know(state: ProfileState, child: str, *offsets: int) -> None:
    # Last, because the first to come is the first to go.
    state.united[child] = sorted({*state.united.pop(child, ()), *offsets})[-_OFFSETS_KNOWN:]
    while len(state.united) > CHILDREN_KNOWN:
        del state.united[next(iter(state.united))]


def _identity(command: Union) -> str:
    return f"\0{command.by_command:d} {command.child} {command.partition} {command.offset}"


def _circled(command: Forward) -> bool:
    return command.child in {command.profile_id, *command.path} or command.profile_id in command.path


def came_round(command: Union | Forward, into: str) -> bool:
    """Whether profiles were merged in a circle, seen by what went round it, and this is the one that stays.

    That is the one of the lowest id: who else the command comes by sends it on.
    """
    if command.profile_id not in command.path:
        return False
    since = command.path[::-1].index(command.profile_id) + 1
    circle = command.path[-since:]
    return into in circle and command.profile_id == min(circle)


def filled_on(command: Backfill, into: str, partition: int) -> Backfill:
    """The past of a merged profile on its way to where that went; its offsets are of this partition."""
    performed = tuple(
        replace(one, entries=tuple((at_ms, foreign(partition, offset)) for at_ms, offset in one.entries))
        for one in command.performed
    )
    return replace(command, profile_id=into, performed=performed)


def passed_on(command: Union | Forward, into: str) -> Union | Forward:
    """The command on its way to where its profile was merged itself."""
    return replace(command, profile_id=into, path=(*command.path, command.profile_id)[-_LONGEST_PATH:])
