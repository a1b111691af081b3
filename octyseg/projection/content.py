"""What Redis holds for one profile, as a pure function of the profile's state, and the digest of it.

The writer, the check and the tests all ask here, so that they cannot differ. Nothing in this module
talks to Redis. The digest of a whole is a sum, so it does not depend on the order of what is added.
"""

import hashlib
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from octyseg.engine.state import ProfileState

_MODULUS = 1 << 128


class Content(NamedTuple):
    """A profile's hash fields, and the segments it is a member of with the time of its (last) entry."""

    fields: Mapping[str, str]
    members: Mapping[str, int]


class ShownTag(msgspec.Struct, frozen=True):
    """A tag in the `tags` field of a profile's hash; created_at in epoch milliseconds."""

    segment_id: str
    segment_tag: str
    segment_type: str
    version: int
    created_at: int


_to_json = msgspec.json.Encoder(order="deterministic").encode


def content_of(state: ProfileState) -> Content:
    """What Redis shall hold of a profile in this state. Absent values are absent fields."""
    tags = [ShownTag(t.segment_id, t.segment_tag, t.segment_type, t.version, t.created_at_ms) for t in state.tags]
    values = {
        "sequence": state.sequence,
        "tags": tags,
        "customer_id": state.customer_id,
        "profile_data": state.profile_data or None,
        "platform_info": state.platform_info or None,
        "has_charged": state.has_charged,
        "status": state.status,
        "created_at": state.created_at_ms,
        "updated_at": state.updated_at_ms,
        "merged_into": state.merged_into,
        "merged_children": sorted(one for one in state.united if not one.startswith("\0")) or None,
    }
    fields = {name: _to_text(value) for name, value in values.items() if value is not None}
    members: dict[str, int] = {}
    for tag in tags:
        members[tag.segment_id] = max(tag.created_at, members.get(tag.segment_id, tag.created_at))
    return Content(fields, members)


def identity_in(profile_data: str | None, key: str | None) -> str | None:
    """The value that identifies a customer, out of the JSON of profile_data, as text; None when there is none."""
    if not key or not profile_data:
        return None
    return identity_of(msgspec.json.decode(profile_data).get(key))


def identity_of(value: object) -> str | None:
    """A value as an identity: texts and whole numbers name somebody."""
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def version_of(sequence: int, events_offset: int, commands_offset: int) -> str:
    """A text that rises with a profile's history and compares as text, also when only attributes changed."""
    return f"{sequence:015d}.{events_offset + 1:015d}.{commands_offset + 1:015d}"


class Digest:
    """The digest of a set of profiles and memberships, filled by `profile` and `member` in any order."""

    def __init__(self) -> None:
        self._sum = 0

    def profile(self, profile_id: str, fields: Mapping[str, str]) -> None:
        """Add a profile by the fields that `content_of` gives it."""
        self._add(["profile", profile_id, *(part for item in sorted(fields.items()) for part in item)])

    def member(self, segment_id: str, profile_id: str, since_ms: int) -> None:
        """Add one member of one segment."""
        self._add(["member", segment_id, profile_id, since_ms])

    def content(self, profile_id: str, content: Content) -> None:
        """Add a profile and all its memberships."""
        self.profile(profile_id, content.fields)
        for segment_id, since_ms in content.members.items():
            self.member(segment_id, profile_id, since_ms)

    def hexadecimal(self) -> str:
        """The sum so far."""
        return f"{self._sum:032x}"

    def _add(self, item: list[str | int]) -> None:
        hashed = hashlib.blake2b(msgspec.msgpack.encode(item), digest_size=16).digest()
        self._sum = (self._sum + int.from_bytes(hashed)) % _MODULUS


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else _to_json(value).decode()
