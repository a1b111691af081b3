"""Why a profile is in a segment or not, how far it has come, and what would change that next.

`explain` looks at one state as of an instant and changes nothing. It asks the functions that decide: rules
and windows in octyseg.engine.truth and dynamic, conditions in octyseg.engine.conditions. The membership is
the tag; what the rule says at that instant stands beside it, and differs only while the owner is behind.
"""

from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from octyseg.engine import dynamic
from octyseg.engine.catalog import Catalog
from octyseg.engine.conditions import admits
from octyseg.engine.explain_words import amount, asked, found_of, step_words
from octyseg.engine.rules import Rules
from octyseg.engine.selectors import Ruled, leaves_of
from octyseg.engine.state import Instance, ProfileState
from octyseg.engine.subject import Subject
from octyseg.engine.truth import holds, view_of
from octyseg.model.segment import Performed, Segment


class OpenSequence(Struct, frozen=True):
    """One run of a live sequence: so many of its steps were done, `awaits` says what is next, until `deadline_ms`."""

    steps_done: int
    steps: int
    awaits: str
    deadline_ms: int
    events: tuple[str, ...]
    correlation: str | None = None


class Leaf(Struct, frozen=True):
    """One condition: what it asks, what was found, whether it holds (None: unknown), which entries decided."""

    asks: str
    found: str
    holds: bool | None
    decided_by: tuple[tuple[int, int], ...] = ()


class Turn(Struct, frozen=True):
    """What would change the answer: at an instant by itself, or (None) whenever it happens."""

    what: str
    at_ms: int | None = None


class Explanation(Struct, frozen=True):
    """The whole answer as of `as_of_ms`. `says` is what the rule says then, None where the engine has none to ask."""

    profile_id: str
    segment_id: str
    segment_tag: str
    segment_type: str
    version: int
    as_of_ms: int
    member: bool
    says: bool | None
    since_ms: int | None
    decided_by: tuple[str, ...]
    status: str
    sequences: tuple[OpenSequence, ...] = ()
    conditions: tuple[Leaf, ...] = ()
    next: tuple[Turn, ...] = ()


class Question(Struct, frozen=True):
    """What is asked about: a profile, its state, a segment of the catalog, an instant of the log's clock."""

    profile_id: str
    state: ProfileState
    segment: Segment
    as_of_ms: int


def explain(question: Question, catalog: Catalog, rules: Rules, *, is_building: bool = False) -> Explanation:
    """Explain one membership."""
    segment = question.segment
    subject = Subject(question.profile_id, question.state, question.as_of_ms)
    tag = subject.tag(segment.segment_id)
    parts = _parts(subject, segment, catalog, rules)
    if is_building:
        parts = parts._replace(status="building: its history is being handed over, nothing is decided yet")
    return Explanation(
        question.profile_id,
        segment.segment_id,
        segment.tag,
        segment.segment_type,
        segment.version,
        question.as_of_ms,
        tag is not None,
        parts.says,
        None if tag is None else tag.created_at_ms,
        () if tag is None else (tag.anchor,),
        parts.status,
        parts.sequences,
        parts.conditions,
        parts.next,
    )


class _Parts(NamedTuple):
    """What depends on the type of the segment."""

    status: str
    says: bool | None = None
    sequences: tuple[OpenSequence, ...] = ()
    conditions: tuple[Leaf, ...] = ()
    next: tuple[Turn, ...] = ()


def _parts(subject: Subject, segment: Segment, catalog: Catalog, rules: Rules) -> _Parts:
    if segment.segment_type == "live":
        return _Parts(
            "decided by its events",
            sequences=tuple(_open(segment, one) for one in subject.state.instances if _is_of(one, segment)),
            conditions=tuple(_live_conditions(subject, segment)),
            next=tuple(_live_turns(subject, segment, rules)),
        )
    if catalog.dynamics is not None and segment.segment_id in catalog.dynamics.place_of:
        ruled = catalog.dynamics.ruled[catalog.dynamics.place_of[segment.segment_id]]
        horizon_ms = subject.now_ms - rules.grace_ms
        return _Parts(
            "decided by its conditions",
            dynamic.is_member(subject, ruled, horizon_ms),
            conditions=tuple(_dynamic_conditions(subject, ruled, catalog, horizon_ms)),
            next=tuple(_dynamic_turns(subject, ruled, catalog, rules)),
        )
    if segment.segment_type == "past":
        return _Parts("decided by runs of the batch agent", next=(Turn("the next run"),))
    return _Parts("decided by who edits the list", next=(Turn("an edit of the list"),))


def _is_of(instance: Instance, segment: Segment) -> bool:
    return instance.segment_id == segment.segment_id and instance.version >= segment.matching_since


def _open(segment: Segment, instance: Instance) -> OpenSequence:
    awaited = segment.steps[instance.step]
    words = step_words(awaited)
    return OpenSequence(
        instance.step,
        len(segment.steps),
        f"no {words}" if awaited.inaction else words,
        instance.deadline_ms,
        tuple(instance.cause),
        instance.correlation,
    )


def _live_conditions(subject: Subject, segment: Segment) -> Iterator[Leaf]:
    attributes = subject.attributes()
    for condition in segment.conditions:
        yield Leaf(asked(condition), found_of(condition, attributes), admits(condition, attributes, subject.now_ms))


def _live_turns(subject: Subject, segment: Segment, rules: Rules) -> Iterator[Turn]:
    """What the sequences that run, the tag and the first step may come to."""
    instances = [one for one in subject.state.instances if _is_of(one, segment)]
    for instance in instances:
        awaited = segment.steps[instance.step]
        words, due_ms = step_words(awaited), instance.deadline_ms + rules.grace_ms
        if awaited.inaction:
            yield Turn(f"the deadline passes without {words}: it is a match", due_ms)
            yield Turn(f"{words} up to the deadline ends this sequence")
        else:
            yield Turn(f"{words} up to the deadline {_leads_to(segment, instance.step)}")
            yield Turn("the deadline passes: this sequence ends", due_ms)
    tag = subject.tag(segment.segment_id)
    if tag is not None and tag.expires_at_ms:
        yield Turn("the tag expires", tag.expires_at_ms + rules.grace_ms)
    if tag is not None and segment.steps[-1].inaction:
        yield Turn(f"{step_words(segment.steps[-1])} takes the tag away")
    if not instances or segment.on_repeat != "ignore":
        yield Turn(f"{step_words(segment.steps[0])} {_leads_to(segment, 0)}")


def _leads_to(segment: Segment, step: int) -> str:
    return "is a match" if step + 1 == len(segment.steps) else f"does step {step + 1} of {len(segment.steps)}"


def _dynamic_conditions(subject: Subject, ruled: Ruled, catalog: Catalog, horizon_ms: int) -> Iterator[Leaf]:
    attributes = subject.attributes()
    view = view_of(subject.state, attributes, ruled.keys, horizon_ms)
    names = {segment_id: segment.tag for segment_id, segment in catalog.segments.items()}
    for leaf in leaves_of(ruled.rule):
        if isinstance(leaf, Performed):
            entries = tuple(subject.state.performed.get(ruled.keys[leaf.leaf], ()))
            within_ms = leaf.within_ms
            counted = tuple(one for one in entries if within_ms is None or one[0] + within_ms >= horizon_ms)
            yield Leaf(asked(leaf), amount(leaf, len(counted)), holds(leaf, view), counted)
        else:
            yield Leaf(asked(leaf, names), found_of(leaf, attributes, subject.state.tags), holds(leaf, view))


def _dynamic_turns(subject: Subject, ruled: Ruled, catalog: Catalog, rules: Rules) -> Iterator[Turn]:
    """The first instant at which time alone changes the answer, then what may happen to each leaf."""
    assert catalog.dynamics is not None
    low_ms = subject.now_ms - rules.grace_ms
    says = dynamic.is_member(subject, ruled, low_ms)
    for due_ms in sorted(dynamic.dues_of(subject.state, subject.attributes(), catalog.dynamics)):
        if due_ms >= low_ms and dynamic.is_member(subject, ruled, due_ms + 1) is not says:
            yield Turn("time alone: what is counted leaves its window", due_ms + rules.grace_ms)
            break
    names = {segment_id: segment.tag for segment_id, segment in catalog.segments.items()}
    for leaf in leaves_of(ruled.rule):
        yield Turn(f"another answer to: {asked(leaf, names)}")
