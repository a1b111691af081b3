"""TagChange: the public result, one value from the engine to the topic, the webhook body and the API.

Written by the engine (msgpack, inside an outcome) and by the tags stage (JSON, on `octyseg.tags`).
Times are integer epoch milliseconds inside the house and RFC 3339 UTC with milliseconds outside.
"""

import hashlib
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

import msgspec
from msgspec import Struct

Kind = Literal["added", "refreshed", "removed"]
Reason = Literal[
    "matched",
    "contradicted",
    "expired",
    "late_event",
    "no_longer_matches",
    "definition_changed",
    "definition_deleted",
    "imported",
    "removed_by_user",
    "erased",
    "merged",
]


class TagChange(Struct, frozen=True, array_like=True, gc=False):
    """One change of one tag of one profile, times in epoch milliseconds.

    `change_id` is a pure function of (segment, version, profile, anchor event, kind): repeated work
    gives the same id. `sequence` rises per profile. `cause` lists the ids of the events that decided.
    `webhook` is false when the change must reach the topic and Redis but no receiver.
    """

    change_id: str
    profile_id: str
    customer_id: str | None
    segment_id: str
    segment_tag: str
    segment_version: int
    segment_type: str
    kind: Kind
    reason: Reason
    occurred_at_ms: int
    detected_at_ms: int
    sequence: int
    cause: tuple[str, ...]
    webhook: bool = True


class PublicChange(Struct, frozen=True):
    """The JSON form of a TagChange, as topic, webhook and API show it."""

    change_id: str
    profile_id: str
    customer_id: str | None
    segment_id: str
    segment_tag: str
    segment_version: int
    segment_type: str
    kind: str
    reason: str
    occurred_at: str
    detected_at: str
    sequence: int
    cause: tuple[str, ...]
    webhook: bool


def rfc3339(ms: int) -> str:
    """Epoch milliseconds as RFC 3339, UTC, three decimals and `Z`."""
    second, rest = divmod(ms, 1000)
    return f"{_second(second)}.{rest:03}Z"


@lru_cache(10_000)
def _second(second: int) -> str:
    """Changes come together: one second is written a hundred times."""
    return datetime.fromtimestamp(second, UTC).isoformat().removesuffix("+00:00")


def change_id(segment_id: str, version: int, profile_id: str, anchor: str, kind: str) -> str:
    """The id of a change: `chg_` and 128 bits of BLAKE2b over what the change is a function of."""
    text = f"{segment_id}\0{version}\0{profile_id}\0{anchor}\0{kind}".encode()
    return "chg_" + hashlib.blake2b(text, digest_size=16).hexdigest()


def publish(change: TagChange) -> PublicChange:
    """The same change with public times."""
    return PublicChange(
        change.change_id,
        change.profile_id,
        change.customer_id,
        change.segment_id,
        change.segment_tag,
        change.segment_version,
        change.segment_type,
        change.kind,
        change.reason,
        rfc3339(change.occurred_at_ms),
        rfc3339(change.detected_at_ms),
        change.sequence,
        change.cause,
        change.webhook,
    )


_encoder = msgspec.json.Encoder()


def to_json(change: TagChange) -> bytes:
    """One TagChange as a line of JSON without its newline."""
    return _encoder.encode(publish(change))


def from_json(line: bytes | str) -> PublicChange:
    """Read what `to_json` wrote; raises msgspec.DecodeError on anything else."""
    return msgspec.json.decode(line, type=PublicChange)
