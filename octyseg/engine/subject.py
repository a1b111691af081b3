"""A profile in hand: its decoded state and the changes made to its tags while it is held.

Lives for one feed or tick. Every change of a tag goes through `match` or `remove`, so sequence
numbers, change ids and the tag's own times are kept in one place.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from octyseg.engine.conditions import admits
from octyseg.engine.state import ProfileState, Tag
from octyseg.model.change import Kind, Reason, TagChange, change_id
from octyseg.model.outcome import Outcome
from octyseg.model.segment import Segment


class Match(Struct, frozen=True, gc=False):
    """A sequence that came true: its anchor, its last action, its deadline and what decided."""

    anchor: str
    anchor_ms: int
    acted_ms: int
    deadline_ms: int
    occurred_at_ms: int
    cause: Sequence[str]
    correlation: str | None


class Subject(Struct, eq=False, gc=False):
    """The profile `profile_id` as of `now_ms`; the partition sets `now_ms` before each thing it does.

    `touched`: its state is another than before, and has to be told. `shown`: so may be its tags or attributes.
    """

    profile_id: str
    state: ProfileState
    now_ms: int
    changes: list[TagChange] = []
    touched: bool = False
    shown: bool = False
    erased: bool = False

    def touch(self) -> None:
        """Anything of it may be another than before."""
        self.touched = self.shown = True

    def outcome(self, epoch: int, encoded: bytes) -> Outcome:
        """What it came to, by its encoded state; changes that come after it are another outcome's."""
        state, changes = self.state, tuple(self.changes)
        self.changes = []
        return Outcome(
            epoch,
            state.events_offset,
            state.commands_offset,
            state.sequence,
            changes,
            None if self.erased else encoded,
            self.shown,
        )

    def tag(self, segment_id: str) -> Tag | None:
        """The tag of a segment, if the profile carries it."""
        for tag in self.state.tags:
            if tag.segment_id == segment_id:
                return tag
        return None

    def attributes(self) -> Mapping[str, Any]:
        """What conditions may look at."""
        state = self.state
        found: dict[str, Any] = {"profile_data": state.profile_data, "platform_info": state.platform_info}
        for name in ("customer_id", "has_charged", "status"):
            value = getattr(state, name)
            if value is not None:
                found[name] = value
        return found

    def match(self, segment: Segment, match: Match) -> None:
        """The segment's rule came true: add or refresh the tag, unless conditions or the cooldown say no."""
        if segment.conditions:
            attributes = self.attributes()
            if not all(admits(condition, attributes, match.occurred_at_ms) for condition in segment.conditions):
                return
        tag = self.tag(segment.segment_id)
        occurred_at_ms = match.occurred_at_ms
        expires_at_ms = occurred_at_ms + segment.tag_ttl_ms if segment.tag_ttl_ms else 0
        cooling = occurred_at_ms < self.state.cooling.get(segment.segment_id, 0)
        if tag is None:
            if cooling:
                return
            tag = Tag(segment.segment_id, segment.tag, segment.segment_type, segment.version, 0, "", 0, 0, 0)
            self.state.tags.append(tag)
            kind: Kind | None = "added"
        else:
            kind = None if cooling or segment.notify == "on_enter" else "refreshed"
        if match.occurred_at_ms >= tag.deadline_ms:
            tag.segment_tag, tag.version = segment.tag, segment.version
            tag.anchor, tag.anchor_ms = match.anchor, match.anchor_ms
            tag.acted_ms, tag.deadline_ms = match.acted_ms, match.deadline_ms
            tag.correlation = match.correlation
        tag.expires_at_ms = max(tag.expires_at_ms, expires_at_ms)
        if kind is None:
            # Quiet, but what earned the tag, its expiry and perhaps its name are others now.
            self.touch()
            return
        tag.created_at_ms = max(tag.created_at_ms, occurred_at_ms)
        if segment.cooldown_ms:
            self.state.cooling[segment.segment_id] = occurred_at_ms + segment.cooldown_ms
        anchor = f"{match.anchor}@{match.anchor_ms}"
        self._change(tag, kind, "matched", occurred_at_ms, anchor, match.cause, segment.webhook)

    def remove(self, tag: Tag, reason: Reason, occurred_at_ms: int, cause: Sequence[str], webhook: bool) -> None:
        """Take the tag away; the change is anchored at the match that earned the tag last."""
        self.state.tags.remove(tag)
        self._change(tag, "removed", reason, occurred_at_ms, f"{tag.anchor}@{tag.anchor_ms}", cause, webhook)

    def assign(
        self, tag: Tag, *, member: bool, reason: Reason, at_ms: int, anchor: str, cause: Sequence[str], webhook: bool
    ) -> None:
        """Give a tag or take it away for another reason than a sequence; the anchor is all that the id needs."""
        (self.state.tags.append if member else self.state.tags.remove)(tag)
        kind: Kind = "added" if member else "removed"
        self._change(tag, kind, reason, at_ms, anchor, cause, webhook)

    def _change(  # noqa: PLR0917 - the parts of one TagChange, private
        self,
        tag: Tag,
        kind: Kind,
        reason: Reason,
        occurred_at_ms: int,
        anchor: str,
        cause: Sequence[str],
        webhook: bool,
    ) -> None:
        state = self.state
        state.sequence += 1
        self.touch()
        self.changes.append(
            TagChange(
                change_id(tag.segment_id, tag.version, self.profile_id, anchor, kind),
                self.profile_id,
                state.customer_id,
                tag.segment_id,
                tag.segment_tag,
                tag.version,
                tag.segment_type,
                kind,
                reason,
                occurred_at_ms,
                self.now_ms,
                state.sequence,
                tuple(cause),
                webhook,
            )
        )
