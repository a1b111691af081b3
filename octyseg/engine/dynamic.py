"""Dynamic segments of one profile: told what happened, they are judged again where that can turn a leaf.

    notice      an event that selectors picked is remembered; tells which segments it may turn, and when time may
    settle      time passes: whatever it turns is turned in the order of the deadlines, live segments among it
    cascade     judge segments, and those that ask for one that changed, until nothing changes any more
    next_due    the next instant at which time may turn something

An event counts from when it is applied, whatever its time, and leaves a window N once the clock has passed
its time + N + grace, strictly. So what comes late, within the grace, finds the windows as they were at its
time; what comes later still is counted from then on if its window still runs, and never takes back what was told.
"""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from octyseg.engine import deadlines
from octyseg.engine.catalog import Catalog
from octyseg.engine.conditions import turning_points
from octyseg.engine.rules import Rules
from octyseg.engine.selectors import Dynamics, Leaf, Ruled, Selector
from octyseg.engine.state import ProfileState, Tag
from octyseg.engine.subject import Subject
from octyseg.engine.truth import Entries, counts, holds, reaches, view_of
from octyseg.model.change import Reason


class Trigger(Struct, frozen=True, gc=False):
    """Why segments are judged: what a change would be anchored at, when it occurred, what caused it."""

    anchor: str
    at_ms: int
    cause: tuple[str, ...] = ()
    webhook: bool = True
    reason: Reason | None = None


class Stand(Struct, frozen=True, gc=False):
    """How things stand for judging: the segments that may be judged (handed over), and how far time has come."""

    dynamics: Dynamics
    ready: Collection[str]
    rules: Rules
    clock_ms: int

    @property
    def horizon_ms(self) -> int:
        """What was due before this instant was done."""
        return self.clock_ms - self.rules.grace_ms

    def at(self, clock_ms: int) -> "Stand":
        """The same at another time."""
        return Stand(self.dynamics, self.ready, self.rules, clock_ms)


class Noticed(Struct, gc=False):
    """What events that were noticed may turn: places of segments now, and anything at all at `due_ms`."""

    places: list[int] = []
    due_ms: int | None = None


def notice(state: ProfileState, selector: Selector, entry: tuple[int, int], horizon_ms: int, noticed: Noticed) -> None:
    """Remember an event (time, offset) that the selector picked; adds to `noticed` what that may turn."""
    if not _matters(selector, entry[0], horizon_ms):
        return
    before: Entries = state.performed.get(selector.key, ())
    after = _with(before, entry)
    if after is None:
        return
    size = len(after)
    for leaf in selector.leaves:
        if leaf.turns[0] > size:
            break  # the leaves that need more entries come behind, and cannot turn either
        if _turns(leaf, before, after, horizon_ms):
            noticed.places.append(leaf.place)
    if not before:
        noticed.places += selector.founding
    kept = after[: selector.keep]
    if selector.span_ms is not None:
        span_ms = selector.span_ms
        kept = [one for number, one in enumerate(kept) if not number or one[0] + span_ms >= horizon_ms]
    state.performed[selector.key] = kept
    for due_ms in _dues(selector, kept):
        if due_ms >= horizon_ms and (noticed.due_ms is None or due_ms < noticed.due_ms):
            noticed.due_ms = due_ms


def _matters(selector: Selector, at_ms: int, horizon_ms: int) -> bool:
    """Whether an event of this time is one that some leaf counts, now or ever."""
    if selector.between_ms is not None and not selector.between_ms[0] <= at_ms <= selector.between_ms[1]:
        return False
    return selector.span_ms is None or selector.forever or at_ms + selector.span_ms >= horizon_ms


def _turns(leaf: Leaf, before: Entries, after: Entries, horizon_ms: int) -> bool:
    """Whether one entry more makes the leaf say something else."""
    within_ms = leaf.within_ms
    if leaf.at_most is None:
        # Enough stays enough, which is the common case.
        return not reaches(before, leaf.at_least, within_ms, horizon_ms) and reaches(
            after, leaf.at_least, within_ms, horizon_ms
        )
    window = (within_ms, horizon_ms)
    held = counts(before, leaf.at_least, leaf.at_most, window)
    return held is not counts(after, leaf.at_least, leaf.at_most, window)


def _with(entries: Entries, entry: tuple[int, int]) -> list[tuple[int, int]] | None:
    """The entries and one more in its place; None when it is there already."""
    if not entries or entry > entries[0]:
        return [entry, *entries]
    if any(entry[1] == known[1] for known in entries):
        return None
    return sorted((*entries, entry), reverse=True)


def _dues(selector: Selector, entries: Entries) -> Iterator[int]:
    """When time turns a leaf, and when nothing of the entries matters any more."""
    size = len(entries)
    for leaf in selector.leaves:
        if leaf.turns[0] > size:
            break
        if leaf.within_ms is not None:
            for turn in leaf.turns:
                if size >= turn:
                    yield entries[turn - 1][0] + leaf.within_ms
    if selector.span_ms is not None and not selector.forever:
        yield entries[0][0] + selector.span_ms


def dues_of(state: ProfileState, attributes: Mapping[str, Any], dynamics: Dynamics) -> list[int]:
    """Every instant at which time may turn a leaf or let go of entries, those that are past among them."""
    dues: list[int] = []
    for key, entries in state.performed.items():
        selector = dynamics.selectors.get(key)
        if selector is not None:
            dues += _dues(selector, entries)
    for _, condition in dynamics.dated:
        dues += turning_points(condition, attributes)
    return dues


def next_due(state: ProfileState, attributes: Mapping[str, Any], dynamics: Dynamics, low_ms: int) -> int | None:
    """The first of those instants that is not before `low_ms`."""
    for key, entries in state.performed.items():
        selector = dynamics.selectors.get(key)
        if selector is not None and _is_spent(selector, entries, low_ms):
            # Its window was longer when it was last looked at: an edit made it shorter.
            return low_ms
    return min((due_ms for due_ms in dues_of(state, attributes, dynamics) if due_ms >= low_ms), default=None)


def prune(state: ProfileState, dynamics: Dynamics, horizon_ms: int) -> None:
    """Let go of entries that no leaf can count any more."""
    gone = [
        key
        for key, entries in state.performed.items()
        if (selector := dynamics.selectors.get(key)) is None or _is_spent(selector, entries, horizon_ms)
    ]
    for key in gone:
        del state.performed[key]


def _is_spent(selector: Selector, entries: Entries, horizon_ms: int) -> bool:
    """Whether even the newest entry has left every window."""
    return selector.span_ms is not None and not selector.forever and entries[0][0] + selector.span_ms < horizon_ms


def settle(subject: Subject, catalog: Catalog, stand: Stand, clock_ms: int) -> None:
    """Let time pass to `clock_ms` for one profile, one deadline after the other."""
    rules, dynamics = stand.rules, stand.dynamics
    low_ms = subject.state.settled_ms - rules.grace_ms
    while True:
        state = subject.state
        times = [instance.deadline_ms for instance in state.instances]
        times += [tag.expires_at_ms for tag in state.tags if tag.expires_at_ms]
        due_ms = next_due(state, subject.attributes(), dynamics, low_ms)
        if due_ms is not None:
            times.append(due_ms)
        if not times or min(times) + rules.grace_ms >= clock_ms:
            break
        first_ms = min(times)
        # A late event may make overdue what lies before instants that conditions were followed to already.
        step = stand.at(max(first_ms + 1, low_ms) + rules.grace_ms)
        mark = len(subject.changes)
        deadlines.settle(subject, catalog, step.clock_ms, rules)
        cause = subject.changes[-1].cause if len(subject.changes) > mark else ()
        cascade(subject, step, _timed(state, dynamics), Trigger("time", first_ms, cause), mark)
        prune(subject.state, dynamics, step.horizon_ms)
        low_ms = step.horizon_ms
    deadlines.settle(subject, catalog, clock_ms, rules)
    subject.state.settled_ms = max(subject.state.settled_ms, clock_ms)


def _timed(state: ProfileState, dynamics: Dynamics) -> set[int]:
    """The places that time may turn for this profile."""
    places = {place for place, _ in dynamics.dated}
    for key in state.performed:
        selector = dynamics.selectors.get(key)
        if selector is not None:
            places.update(leaf.place for leaf in selector.leaves if leaf.within_ms is not None)
    return places


def cascade(subject: Subject, stand: Stand, places: Iterable[int], trigger: Trigger, mark: int) -> None:
    """Judge these segments and those that ask for one whose tag changed since `mark`, in their order."""
    dynamics = stand.dynamics
    waiting = list(places)
    for change in subject.changes[mark:]:
        waiting += dynamics.asking.get(change.segment_id, ())
    heapq.heapify(waiting)
    last = -1
    while waiting:
        place = heapq.heappop(waiting)
        if place == last:
            continue
        last = place
        ruled = dynamics.ruled[place]
        if ruled.segment.segment_id in stand.ready and judge(subject, ruled, stand, trigger):
            for asking in dynamics.asking.get(ruled.segment.segment_id, ()):
                heapq.heappush(waiting, asking)


def judge(subject: Subject, ruled: Ruled, stand: Stand, trigger: Trigger) -> bool:
    """Hold the profile against the rule; whether its membership changed."""
    segment, state = ruled.segment, subject.state
    tag = subject.tag(segment.segment_id)
    member = is_member(subject, ruled, stand.horizon_ms)
    if member == (tag is not None):
        return False
    anchor = f"{trigger.anchor}@{trigger.at_ms}#{state.sequence}"
    at_ms = trigger.at_ms
    if tag is None:
        first = trigger.anchor
        tag = Tag(segment.segment_id, segment.tag, "dynamic", segment.version, at_ms, first, at_ms, at_ms, at_ms)
    subject.assign(
        tag,
        member=member,
        reason=trigger.reason or ("matched" if member else "no_longer_matches"),
        at_ms=at_ms,
        anchor=anchor,
        cause=trigger.cause,
        webhook=segment.webhook and trigger.webhook,
    )
    return True


def is_member(subject: Subject, ruled: Ruled, horizon_ms: int) -> bool:
    """Whether the profile is one of those the segment is about, and its rule holds."""
    return (
        is_about(subject.state, ruled)
        and holds(ruled.rule, view_of(subject.state, subject.attributes(), ruled.keys, horizon_ms)) is True
    )


def is_about(state: ProfileState, ruled: Ruled) -> bool:
    """Whether the segment looks at the profile: it has a record, did something a leaf names, or carries a tag."""
    return (
        state.created_at_ms is not None
        or any(key in state.performed for key in ruled.founding)
        or any(tag.segment_id in ruled.names for tag in state.tags)
    )
