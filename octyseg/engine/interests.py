"""What the live segments want of one event type, so that an event asks all of them with few comparisons.

Most steps ask for texts, or for nothing: the parts that an event plays are then known by those of its
texts that somebody asks for, and looked up. Whatever else steps ask for is compared segment by segment.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import msgspec
from msgspec import Struct

from octyseg.engine.matching import matches
from octyseg.model.segment import Segment, Step

_encode = msgspec.json.Encoder(order="deterministic").encode

# Combinations of texts whose parts are kept.
MOST_KNOWN = 10_000


class Parts(Struct, frozen=True, gc=False):
    """The parts an event plays in one segment: opening it, advancing to steps, cancelling it.

    `inaction` is the key of the inaction that it does, see `inaction_key`.
    """

    opens: bool
    advances: tuple[int, ...]
    cancels: bool
    inaction: int = 0


class Played(Struct, frozen=True, gc=False):
    """What an event plays, made once for all events that play the same.

    `parts` are those of each segment, in the order of their definitions; `opening` the ones that matter to
    a profile for which nothing is open or tagged. Of the inactions that it does, `sighted` and `inactions`
    have the segments and keys where no property tells instances apart, `correlated` the parts where one does.
    """

    parts: tuple[tuple[Segment, Parts], ...] = ()
    opening: tuple[tuple[Segment, Parts], ...] = ()
    sighted: dict[str, str | None] = {}
    inactions: tuple[int, ...] = ()
    correlated: tuple[tuple[Segment, Parts], ...] = ()


NOTHING = Played()


class Interest(Struct, frozen=True, gc=False):
    """What one segment wants of one event type.

    `opens` are the properties of step 1 when it names the type; `advances` the later actions as
    (index, properties); `cancels` the properties of the inaction. None: the type plays no such part.
    `always` are the parts when no step asks for properties, so that nothing need be compared; `sole`
    the properties and parts when only one step names the type, so that they are compared once.
    """

    segment: Segment
    opens: Mapping[str, Any] | None
    advances: tuple[tuple[int, Mapping[str, Any]], ...]
    cancels: Mapping[str, Any] | None
    inaction: int
    always: Parts | None
    sole: tuple[Mapping[str, Any], Parts] | None

    def parts(self, properties: Mapping[str, Any]) -> Parts | None:
        """Which parts the event plays; None when its properties match no step."""
        if self.always is not None:
            return self.always
        as_text = self.segment.compat_octy
        if self.sole is not None:
            wanted, parts = self.sole
            return parts if matches(wanted, properties, as_text) else None
        opens = self.opens is not None and matches(self.opens, properties, as_text)
        advances = tuple(index for index, wanted in self.advances if matches(wanted, properties, as_text))
        cancels = self.cancels is not None and matches(self.cancels, properties, as_text)
        return Parts(opens, advances, cancels, self.inaction) if opens or advances or cancels else None


class Interests:
    """What all live segments want of one event type, in the order of their definitions."""

    __slots__ = ("_asked", "_each", "_known")

    def __init__(self, segments: Iterable[Segment], event_type: str) -> None:
        self._each = tuple(_interest(segment, event_type) for segment in segments)
        self._asked = _asked(self._each)
        self._known: dict[tuple[str | None, ...], Played] = {}

    def played(self, properties: Mapping[str, Any]) -> Played:
        """The segments in which an event of these properties plays a part, and which."""
        if self._asked is None:
            return self._compared(properties)
        try:
            found = tuple([texts.get(properties.get(name)) for name, texts in self._asked])
        except TypeError:  # a list or an object, which no dict has
            return self._compared(properties)
        played = self._known.get(found)
        if played is None:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            played = self._known[found] = self._compared(properties)
        return played

    def _compared(self, properties: Mapping[str, Any]) -> Played:
        return _played([(one.segment, parts) for one in self._each if (parts := one.parts(properties)) is not None])


def _played(parts: Sequence[tuple[Segment, Parts]]) -> Played:
    if not parts:
        return NOTHING
    cancelling = [one for one in parts if one[1].cancels]
    plain = [one for one in cancelling if one[0].correlate_by is None]
    return Played(
        tuple(parts),
        tuple([one for one in parts if one[1].opens]),
        {segment.segment_id: None for segment, _ in plain},
        tuple(dict.fromkeys(part.inaction for _, part in plain)),
        tuple([one for one in cancelling if one[0].correlate_by is not None]),
    )


def _asked(interests: Iterable[Interest]) -> list[tuple[str, dict[Any, str]]] | None:
    """The texts that are asked of each property; None where anything but texts is, or a number may pass for one."""
    asked: dict[str, dict[Any, str]] = {}
    for interest in interests:
        if interest.always is not None:
            continue
        steps = [interest.opens, interest.cancels, *(properties for _, properties in interest.advances)]
        for name, value in chain.from_iterable(step.items() for step in steps if step):
            if type(value) is not str or interest.segment.compat_octy:
                return None
            asked.setdefault(name, {})[value] = value
    return list(asked.items())


def _interest(segment: Segment, event_type: str) -> Interest:
    first, *later = segment.steps
    advances = tuple(
        (index, step.properties)
        for index, step in enumerate(later, 1)
        if step.event_type == event_type and not step.inaction
    )
    opens = first.properties if first.event_type == event_type else None
    cancels = _inaction_properties(later, event_type)
    inaction = 0 if cancels is None else inaction_key(event_type, cancels)
    parts = Parts(opens is not None, tuple(index for index, _ in advances), cancels is not None, inaction)
    asked = [one for one in (opens, cancels, *(properties for _, properties in advances)) if one is not None]
    always = None if any(asked) else parts
    sole = (asked[0], parts) if len(asked) == 1 else None
    return Interest(segment, opens, advances, cancels, inaction, always, sole)


def inaction_key(event_type: str, properties: Mapping[str, Any], correlation: str | None = None) -> int:
    """63 bits of what inactions are told apart by: segments that wait for the same share it."""
    text = _encode([event_type, properties, correlation])
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest()) >> 1


def _inaction_properties(later: list[Step], event_type: str) -> Mapping[str, Any] | None:
    if later and later[-1].inaction and later[-1].event_type == event_type:
        return later[-1].properties
    return None
