"""Definitions as the definitions topic keeps them: keys, JSON values, versions, the way to deletion.

Written by octyseg.model.definitions.planning, folded by octyseg.model.registry. `matching_since` is the lowest version
whose matching rules equal the newest one's. Times are epoch milliseconds.
"""

from typing import Literal

from pydantic import Field

from octyseg.model.definitions.definition import (
    AccountConfiguration,
    EventTypeDefinition,
    SegmentDefinition,
    WebhookEndpoint,
)
from octyseg.model.definitions.shape import Shape

ACCOUNT_KEY = b"account/default"

Status = Literal["active", "pending_deletion", "deleted"]


class StoredSegment(Shape):
    """A segment with its id and history. It is never removed from the topic, so that no id comes back."""

    segment_id: str = Field(pattern=r"^segment_[0-9a-f]{8}$")
    version: int = Field(ge=1)
    matching_since: int = Field(ge=1)
    created_at_ms: int
    updated_at_ms: int
    deleted_at_ms: int | None = None
    swept_at_ms: int | None = None
    definition: SegmentDefinition

    @property
    def name(self) -> str:
        """The segment's name, which is its tag."""
        return self.definition.segment_name

    @property
    def status(self) -> Status:
        """Deleted means that no profile holds the tag any more; until then deletion is pending."""
        if self.deleted_at_ms is None:
            return "active"
        return "pending_deletion" if self.swept_at_ms is None else "deleted"


class StoredEventType(Shape):
    """An event type with its times."""

    created_at_ms: int
    updated_at_ms: int
    definition: EventTypeDefinition


class StoredAccount(Shape):
    """The account's configuration with its time."""

    updated_at_ms: int
    definition: AccountConfiguration


class StoredEndpoint(Shape):
    """An endpoint of webhooks with its times."""

    created_at_ms: int
    updated_at_ms: int
    definition: WebhookEndpoint


class StoredSecrets(Shape):
    """The sealed secrets of an endpoint: the one in force, and the one before it until its time is over."""

    endpoint: str
    sealed: str
    previous: str | None = None
    previous_until_ms: int = 0


class StoredSwitch(Shape):
    """Whether an endpoint is in use: turned off by its receiver, by its failures or by a person."""

    endpoint: str
    enabled: bool
    reason: str
    at_ms: int


def segment_key(segment_id: str) -> bytes:
    """The topic key of a segment."""
    return f"segments/{segment_id}".encode()


def event_type_key(event_type: str) -> bytes:
    """The topic key of an event type."""
    return f"eventTypes/{event_type}".encode()


def endpoint_key(name: str) -> bytes:
    """The topic key of an endpoint."""
    return f"webhookEndpoints/{name}".encode()


def secrets_key(endpoint: str) -> bytes:
    """The topic key of an endpoint's secrets."""
    return f"webhookSecrets/{endpoint}".encode()


def switch_key(endpoint: str) -> bytes:
    """The topic key of an endpoint's switch."""
    return f"webhookSwitches/{endpoint}".encode()


def encoded(stored: Shape) -> bytes:
    """The topic value: JSON in snake_case, defaults written out so that a later default changes nothing."""
    return stored.model_dump_json().encode()
