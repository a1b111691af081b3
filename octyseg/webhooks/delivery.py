"""A delivery: one change on its way to one endpoint, and what is written of it on `octyseg.deliveries`.

A delivery lives in the schedule until it is settled. The records are the audit log and the truth: the
schedule can be made again from those that say `scheduled` or `retrying` and nothing final after it.
"""

from datetime import UTC, datetime
from typing import Any, Literal

import msgspec
from msgspec import Struct

Status = Literal["scheduled", "retrying", "succeeded", "exhausted", "disabled", "stale"]
PENDING: frozenset[Status] = frozenset({"scheduled", "retrying"})


class Delivery(Struct, frozen=True, array_like=True):
    """One entry of the schedule. `attempts` were made; `due_at_ms` is 0 while the first one waits its turn.

    `change` is the value of the tags record as it stands there, at `offset`; `profile` the JSON of the
    fields that the endpoint asked for, b"" when it asked for none.
    """

    change_id: str
    endpoint: str
    profile_id: str
    offset: int
    change: bytes
    profile: bytes = b""
    attempts: int = 0
    due_at_ms: int = 0

    @property
    def id(self) -> str:
        """The delivery's own id."""
        return delivery_id(self.change_id, self.endpoint)


class DeliveryRecord(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What happened to a delivery at one instant. `answer` is the beginning of what the receiver said.

    A `scheduled` record keeps the profile's fields that every attempt posts; one with a
    `next_attempt_at` is a replay.
    """

    change_id: str
    endpoint: str
    profile_id: str
    status: Status
    at: datetime
    attempt: int = 0
    next_attempt_at: datetime | None = None
    failure: str | None = None
    message: str | None = None
    http_status: int | None = None
    duration_ms: int | None = None
    answer: str | None = None
    profile: dict[str, Any] | None = None

    @property
    def id(self) -> str:
        """The id of the delivery it tells of."""
        return delivery_id(self.change_id, self.endpoint)


def delivery_id(change_id: str, endpoint: str) -> str:
    """One change and one endpoint."""
    return f"{change_id}/{endpoint}"


def instant(ms: int) -> datetime:
    """Epoch milliseconds as the records show them."""
    return datetime.fromtimestamp(ms / 1000, UTC)


def milliseconds(at: datetime) -> int:
    """The other way."""
    return round(at.timestamp() * 1000)


encode_record = msgspec.json.Encoder().encode
decode_record = msgspec.json.Decoder(DeliveryRecord).decode
