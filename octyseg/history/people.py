"""Who profiles are as of an instant: their attributes, who was merged into whom, who was erased.

Made of the records that are no events, by the engine's own rules for them: what an attribute means is
decided in one place. One pass in the order of the log; a profile costs some hundred bytes.
"""

from collections.abc import Mapping
from typing import Any

from octyseg.engine import attributes
from octyseg.engine.state import ProfileState
from octyseg.engine.subject import Subject
from octyseg.model.record import Erase, Merge, Profile


class People:
    """Everybody of whom a record was told; `erased` has the places up to which nothing of a profile counts."""

    def __init__(self) -> None:
        self.erased: dict[str, int] = {}
        self._states: dict[str, ProfileState] = {}
        self._into: dict[str, str] = {}

    def tell(self, record: Profile | Merge | Erase, at_ms: int, place: int) -> None:
        """One record more, of this time and place in its partition."""
        profile_id = self.of(record.profile_id)
        if isinstance(record, Erase):
            self.erased[record.profile_id] = self.erased[profile_id] = place
            self._states.pop(profile_id, None)
        elif isinstance(record, Merge):
            self._merge(profile_id, self.of(record.into))
        else:
            state = self._states.setdefault(profile_id, ProfileState())
            if attributes.refusal(state, record) is None:
                attributes.apply(state, record, at_ms)

    def of(self, profile_id: str) -> str:
        """Who the profile is now."""
        while (parent := self._into.get(profile_id)) is not None:
            profile_id = parent
        return profile_id

    def merged(self) -> Mapping[str, str]:
        """Every profile that was merged, and who it is now."""
        return {child: self.of(child) for child in self._into}

    def attributes(self) -> Mapping[str, Mapping[str, Any]]:
        """What conditions may look at, of everybody who has a record."""
        return {profile_id: Subject(profile_id, state, 0).attributes() for profile_id, state in self._states.items()}

    def _merge(self, child: str, parent: str) -> None:
        if child == parent:
            return
        self._into[child] = parent
        state = self._states.pop(child, None)
        if state is not None:
            attributes.unite(self._states.setdefault(parent, ProfileState()), state)
