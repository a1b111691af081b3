"""What membership commands must lead to, worked out the slow and obvious way, from the commands of one partition alone.

Events have no part in it but for erasures: when they come between commands is not foretold, so profiles
that were erased are not asked about.
"""

import json
from typing import NamedTuple

from octyseg.model.change import change_id


class Asked(NamedTuple):
    """One change that a command or an edit must lead to; an edit comes by at no certain moment."""

    kind: str
    reason: str
    occurred_at_ms: int | None
    cause: tuple[str, ...]
    change_id: str


def expected_memberships(segments, records, revisions=()):
    """The changes by (profile, segment), in order; `revisions` are (offset of commands, segments then in force)."""
    lists = Lists(segments)
    pending = list(revisions)
    for record in records:
        while pending and pending[0][0] <= record.offset:
            lists.revise(pending.pop(0)[1])
        asked = read(record)
        if asked is not None:
            lists.ask(asked, record.offset)
    for _, segments_then in pending:
        lists.revise(segments_then)
    return lists.changes


class Lists:
    """Who is a member of what, and all changes so far."""

    def __init__(self, segments):
        self.segments = {one.segment_id: one for one in segments if not one.deleted}
        self.members: dict[tuple[str, str], dict] = {}
        self.changes: dict[tuple[str, str], list[Asked]] = {}

    def ask(self, asked, offset):
        """One command: void, already so, or a change."""
        place = (asked["profile_id"], asked["segment_id"])
        segment = self.segments.get(asked["segment_id"])
        if segment is None or not segment.matching_since <= asked["version"] <= segment.version:
            return
        anchor = f"{asked['anchor']}#{offset}@{asked['as_of_ms']}"
        if asked["member"] and place in self.members:
            self.members[place]["version"] = segment.version
        elif asked["member"]:
            self.members[place] = {"version": segment.version, "anchor": anchor}
            self._note(place, self.members[place], "added", asked["reason"], anchor, asked["as_of_ms"])
        elif place in self.members:
            self._note(place, self.members.pop(place), "removed", asked["reason"], anchor, asked["as_of_ms"])

    def revise(self, segments):
        """Other segments are in force: what they no longer back is gone."""
        self.segments = {one.segment_id: one for one in segments if not one.deleted}
        for place, tag in list(self.members.items()):
            segment = self.segments.get(place[1])
            if segment is None or tag["version"] < segment.matching_since:
                del self.members[place]
                reason = "definition_changed" if segment else "definition_deleted"
                self._note(place, tag, "removed", reason, tag["anchor"], None)

    def _note(self, place, tag, *what):
        kind, reason, anchor, at_ms = what
        told = change_id(place[1], tag["version"], place[0], anchor, kind)
        self.changes.setdefault(place, []).append(Asked(kind, reason, at_ms, (), told))


def read(record):
    """A command that can be read, None when it is one of those that were made to be refused."""
    try:
        value = json.loads(record.value)
    except ValueError:
        return None
    good = value.get("type") == "membership" and "as_of_ms" in value
    return value if good and value["profile_id"].encode() == record.key else None
