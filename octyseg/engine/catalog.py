"""The catalog: the segments in force, indexed by the event types they name. Immutable.

An event no definition cares about costs one look-up here and nothing else.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from octyseg.engine.selectors import Dynamics
from octyseg.model.segment import Segment, Step

_encode = msgspec.json.Encoder(order="deterministic").encode


class Parts(Struct, frozen=True, gc=False):
    """The parts an event plays in one segment: opening it, advancing to steps, cancelling it.

    `inaction` is the key of the inaction that it does, see `inaction_key`.
    """

    opens: bool
    advances: tuple[int, ...]
    cancels: bool
    inaction: int = 0


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


class Catalog:
    """The segments of one revision; made once, shared by all partitions of a process.

    `interests` has every event type that some segment names, also those that only dynamic ones do.
    """

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self.segments: dict[str, Segment] = {segment.segment_id: segment for segment in segments}
        interests: dict[str, list[Interest]] = {}
        for segment in self.segments.values():
            if segment.segment_type == "live" and not segment.deleted:
                for event_type in dict.fromkeys(step.event_type for step in segment.steps):
                    interests.setdefault(event_type, []).append(_interest(segment, event_type))
        ruled = [one for one in self.segments.values() if one.rule is not None and not one.deleted]
        self.dynamics = Dynamics(ruled) if ruled else None
        for event_type in () if self.dynamics is None else self.dynamics.of_type:
            interests.setdefault(event_type, [])
        self.interests: dict[str, tuple[Interest, ...]] = {name: tuple(found) for name, found in interests.items()}

    def active(self, segment_id: str, version: int) -> Segment | None:
        """The segment if what was earned under this version still counts."""
        segment = self.segments.get(segment_id)
        if segment is None or segment.deleted or version < segment.matching_since:
            return None
        return segment

    def deleted_ids(self) -> tuple[str, ...]:
        """Segments that are deleted and whose tags have to go."""
        return tuple(segment.segment_id for segment in self.segments.values() if segment.deleted)

    def outdates(self, older: "Catalog") -> bool:
        """Whether anything earned under the older catalog may not count under this one."""
        kept = self.dynamics.selectors.keys() if self.dynamics else set()
        if older.dynamics is not None and older.dynamics.selectors.keys() - kept:
            return True
        return any(self.active(held.segment_id, held.version) is None for held in older.segments.values())


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
