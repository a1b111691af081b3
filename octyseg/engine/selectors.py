"""Which events dynamic segments have to remember, and how many: one selector for all leaves that ask for the same.

Made once for a catalog. A selector keeps the newest entries of a profile, as many as the leaf that needs
most of them: a count of n is decided by the n newest, "at most n" by one more. A segment that may admit
somebody who did nothing lately needs to know who ever did: such a selector keeps its newest entry for good.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from octyseg.model.segment import Condition, Either, Every, InSegment, Negated, Performed, Rule, Segment

_encode = msgspec.json.Encoder(order="deterministic").encode


class Leaf(Struct, frozen=True, gc=False):
    """One performed leaf as its selector sees it; `place` is that of its segment among the dynamic ones.

    `turns` are the counts whose reaching, or no longer reaching, turns the leaf, the lowest first.
    """

    place: int
    at_least: int
    at_most: int | None
    within_ms: int | None
    turns: tuple[int, ...]


class Selector(Struct, frozen=True, gc=False):
    """Events of one type with certain properties (and of a certain time); their newest `keep` entries.

    `leaves` come by their lowest turn. `span_ms` is how long an entry may matter, None: for ever.
    `forever`: the newest entry always stays. `founding` are the places of the segments that look at a
    profile once it has one such event.
    """

    key: int
    event_type: str
    properties: Mapping[str, Any]
    between_ms: tuple[int, int] | None
    keep: int
    span_ms: int | None
    forever: bool
    leaves: tuple[Leaf, ...]
    founding: tuple[int, ...]


class Ruled(Struct, frozen=True, gc=False):
    """One dynamic segment; `place` rises from the segments asked for to those that ask.

    `keys` has the selector of each performed leaf; who has an entry under one of `founding`, or carries
    a tag of `names`, is one of those the segment is about. `dated`: conditions that time may turn.
    """

    place: int
    segment: Segment
    rule: Rule
    keys: tuple[int, ...]
    founding: tuple[int, ...]
    names: frozenset[str]
    reads_attributes: bool
    admits_absence: bool
    dated: tuple[Condition, ...]


def leaves_of(rule: Rule) -> Iterator[Condition | Performed | InSegment]:
    """The leaves of a rule as they are written."""
    match rule:
        case Every(parts) | Either(parts):
            for part in parts:
                yield from leaves_of(part)
        case Negated(part):
            yield from leaves_of(part)
        case _:
            yield rule


class Dynamics:
    """The dynamic segments of one catalog, in an order in which each comes behind those it asks for."""

    def __init__(self, segments: Iterable[Segment]) -> None:
        self.ruled = tuple(_ruled(place, segment) for place, segment in enumerate(_ordered(segments)))
        self.place_of = {ruled.segment.segment_id: ruled.place for ruled in self.ruled}
        self.asking: dict[str, tuple[int, ...]] = {}
        for ruled in self.ruled:
            for name in ruled.names:
                self.asking[name] = (*self.asking.get(name, ()), ruled.place)
        self.of_attributes = tuple(one.place for one in self.ruled if one.reads_attributes)
        self.of_absence = tuple(one.place for one in self.ruled if one.admits_absence)
        self.dated = tuple((one.place, condition) for one in self.ruled for condition in one.dated)
        self.selectors = {one.key: one for one in _selectors(self.ruled)}
        by_type: dict[str, list[Selector]] = {}
        for selector in self.selectors.values():
            by_type.setdefault(selector.event_type, []).append(selector)
        self.of_type = {event_type: tuple(found) for event_type, found in by_type.items()}

    def keys_of(self, ruled: Ruled, leaf: int) -> tuple[int, ...]:
        """The selectors that pick for one performed leaf: what it counts, and who ever did such a thing."""
        found = [one for one in leaves_of(ruled.rule) if isinstance(one, Performed)][leaf]
        keys = (ruled.keys[leaf], *((key_of(found, None),) if ruled.admits_absence else ()))
        return tuple(dict.fromkeys(keys))


def _ordered(segments: Iterable[Segment]) -> list[Segment]:
    """The segments, those that are asked for first; circles are refused when definitions are applied."""
    waiting = {segment.segment_id: segment for segment in segments}
    ordered: list[Segment] = []
    while waiting:
        ready = [one for one in waiting.values() if not _names(one.rule) & waiting.keys() - {one.segment_id}]
        ready = ready or list(waiting.values())[:1]
        ordered += ready
        for segment in ready:
            del waiting[segment.segment_id]
    return ordered


def _names(rule: Rule | None) -> frozenset[str]:
    leaves = () if rule is None else leaves_of(rule)
    return frozenset(leaf.segment_id for leaf in leaves if isinstance(leaf, InSegment))


def _ruled(place: int, segment: Segment) -> Ruled:
    rule = segment.rule
    assert rule is not None, "the catalog takes dynamic segments with their rule"
    leaves = list(leaves_of(rule))
    performed = [leaf for leaf in leaves if isinstance(leaf, Performed)]
    conditions = [leaf for leaf in leaves if isinstance(leaf, Condition)]
    absence = _is_of_nobody(rule, wanted=True)
    return Ruled(
        place,
        segment,
        rule,
        tuple(key_of(leaf, leaf.between_ms) for leaf in performed),
        tuple(dict.fromkeys(key_of(leaf, None if absence else leaf.between_ms) for leaf in performed)),
        _names(rule),
        bool(conditions),
        absence,
        tuple(one for one in conditions if one.operator in {"within_last", "more_than_ago"}),
    )


def key_of(leaf: Performed, between_ms: tuple[int, int] | None) -> int:
    """What tells selectors apart: 63 bits of what they pick."""
    text = _encode([leaf.event_type, leaf.properties, between_ms])
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


def _is_of_nobody(rule: Rule, *, wanted: bool) -> bool:
    """Whether the rule is true (or false) of somebody who did nothing lately and carries no tag it asks for."""
    match rule:
        case Every(parts):
            return (all if wanted else any)(_is_of_nobody(part, wanted=wanted) for part in parts)
        case Either(parts):
            return (any if wanted else all)(_is_of_nobody(part, wanted=wanted) for part in parts)
        case Negated(part):
            return _is_of_nobody(part, wanted=not wanted)
        case Performed():
            return (rule.at_least == 0) is wanted
        case Condition():
            return wanted and rule.operator == "not_exists"
        case InSegment():
            return rule.member is not wanted


def _selectors(ruled: Iterable[Ruled]) -> Iterator[Selector]:
    """One selector for each key, as demanding as the most demanding leaf."""
    picked: dict[int, tuple[Performed, tuple[int, int] | None]] = {}
    leaves: dict[int, list[Leaf]] = {}
    founding: dict[int, list[int]] = {}
    for one in ruled:
        performed = [leaf for leaf in leaves_of(one.rule) if isinstance(leaf, Performed)]
        for leaf, key in zip(performed, one.keys, strict=True):
            picked.setdefault(key, (leaf, leaf.between_ms))
            leaves.setdefault(key, []).append(_leaf(one.place, leaf))
            if one.admits_absence:
                ever = key_of(leaf, None)
                picked.setdefault(ever, (leaf, None))
                founding.setdefault(ever, []).append(one.place)
    for key, (leaf, between_ms) in picked.items():
        own = sorted(leaves.get(key, []), key=lambda one: one.turns[0])
        founded = tuple(dict.fromkeys(founding.get(key, ())))
        spans = [one.within_ms for one in own]
        yield Selector(
            key,
            leaf.event_type,
            leaf.properties,
            between_ms,
            max([turn for one in own for turn in one.turns], default=1),
            None if None in spans else max(filter(None, spans), default=0),
            bool(founded),
            tuple(own),
            founded,
        )


def _leaf(place: int, leaf: Performed) -> Leaf:
    turns = {leaf.at_least, *(() if leaf.at_most is None else (leaf.at_most + 1,))} - {0}
    return Leaf(place, leaf.at_least, leaf.at_most, leaf.within_ms, tuple(sorted(turns)))
