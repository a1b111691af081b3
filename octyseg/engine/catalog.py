"""The catalog: the segments in force, indexed by the event types they name. Immutable.

An event no definition cares about costs one look-up here and nothing else.
"""

from collections.abc import Iterable

from octyseg.engine.interests import Interests
from octyseg.engine.selectors import Dynamics
from octyseg.model.segment import Segment


class Catalog:
    """The segments of one revision; made once, shared by all partitions of a process.

    `interests` has every event type that some segment names, also those that only dynamic ones do.
    """

    def __init__(self, segments: Iterable[Segment] = ()) -> None:
        self.segments: dict[str, Segment] = {segment.segment_id: segment for segment in segments}
        wanting: dict[str, list[Segment]] = {}
        for segment in self.segments.values():
            if segment.segment_type == "live" and not segment.deleted:
                for event_type in dict.fromkeys(step.event_type for step in segment.steps):
                    wanting.setdefault(event_type, []).append(segment)
        ruled = [one for one in self.segments.values() if one.rule is not None and not one.deleted]
        self.dynamics = Dynamics(ruled) if ruled else None
        for event_type in () if self.dynamics is None else self.dynamics.of_type:
            wanting.setdefault(event_type, [])
        self.interests = {name: Interests(segments, name) for name, segments in wanting.items()}

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
