"""The tags of one profile as the oracle sees them: what a match, an expiry or a contradiction makes of them.

Life decides that a rule came true or that a tag must go; here it becomes a change, in order.
"""

from typing import Any

from msgspec import UNSET

from octyseg.model.segment import Segment
from tests.simulation.oracle_matching import holds


class Tags:
    """What the profile carries (`held`, by segment in the order added), knows of itself, and all changes so far."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.changes: list[dict[str, Any]] = []
        self.quiet_until: dict[str, int] = {}
        self.attributes: dict[str, Any] = {"profile_data": {}, "platform_info": {}}

    def learn(self, read: Any) -> None:
        """A profile record: what it says is merged in."""
        for name in ("customer_id", "has_charged", "status"):
            if getattr(read, name) is not UNSET:
                self.attributes[name] = getattr(read, name)
        for name in ("profile_data", "platform_info"):
            news = getattr(read, name)
            if news is not UNSET:
                both = {**self.attributes[name], **news}
                self.attributes[name] = {key: value for key, value in both.items() if value is not None}

    def erase(self, at_ms: int) -> None:
        """Nothing is left but the changes there were."""
        for tag in list(self.held.values()):
            self.remove(tag, "erased", at_ms, [])
        changes = self.changes
        self.__init__()
        self.changes = changes

    def match(self, segment: Segment, instance: dict[str, Any], occurred_at_ms: int, acted_ms: int) -> None:
        """The rule of the segment came true at `occurred_at_ms`."""
        if not all(holds(condition, self.attributes, occurred_at_ms) for condition in segment.conditions):
            return
        quiet = occurred_at_ms < self.quiet_until.get(segment.segment_id, 0)
        tag = self.held.get(segment.segment_id)
        new = tag is None
        if new:
            if quiet:
                return
            tag = self.held[segment.segment_id] = {"segment_id": segment.segment_id, "expires_at_ms": None}
        if new or occurred_at_ms >= tag["deadline_ms"]:
            tag.update(
                version=segment.version,
                anchor=instance["anchor"],
                anchor_ms=instance["anchor_ms"],
                correlation=instance["correlation"],
                acted_ms=acted_ms,
                deadline_ms=occurred_at_ms,
            )
        if segment.tag_ttl_ms:
            tag["expires_at_ms"] = max(tag["expires_at_ms"] or 0, occurred_at_ms + segment.tag_ttl_ms)
        if not new and (quiet or segment.notify == "on_enter"):
            return
        if segment.cooldown_ms:
            self.quiet_until[segment.segment_id] = occurred_at_ms + segment.cooldown_ms
        self._change(tag, instance, "added" if new else "refreshed", "matched", occurred_at_ms, instance["cause"])

    def expire(self, tag: dict[str, Any]) -> None:
        """Its time ran out."""
        self.remove(tag, "expired", tag["expires_at_ms"], [tag["anchor"]])

    def remove(self, tag: dict[str, Any], reason: str, occurred_at_ms: int | None, cause: list[str]) -> None:
        """The tag is gone; the change is anchored at the match that earned it last."""
        del self.held[tag["segment_id"]]
        self._change(tag, tag, "removed", reason, occurred_at_ms, cause)

    def _change(self, tag: dict[str, Any], anchored: dict[str, Any], *what: Any) -> None:
        kind, reason, occurred_at_ms, cause = what
        self.changes.append(
            {
                "segment_id": tag["segment_id"],
                "version": tag["version"],
                "kind": kind,
                "reason": reason,
                "occurred_at_ms": occurred_at_ms,
                "cause": tuple(cause),
                "anchor": f"{anchored['anchor']}@{anchored['anchor_ms']}",
            }
        )
