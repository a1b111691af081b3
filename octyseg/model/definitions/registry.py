"""What is defined now: the fold of the definitions topic, and the questions asked of it.

`Registry.fold(records)` reads the topic from its start, `after(records)` goes on from there. A record
that cannot be read changes nothing and leaves a line in `problems`. Nothing is written here: changes
are made by octyseg.model.planning.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import ValidationError
from pydantic.alias_generators import to_snake

from octyseg.model.definitions.compile import compile_segment
from octyseg.model.definitions.definition import AccountConfiguration, EventTypeDefinition
from octyseg.model.definitions.shape import Shape
from octyseg.model.definitions.stored import (
    ACCOUNT_KEY,
    StoredAccount,
    StoredEndpoint,
    StoredEventType,
    StoredSecrets,
    StoredSegment,
    StoredSwitch,
    endpoint_key,
    event_type_key,
    secrets_key,
    segment_key,
    switch_key,
)
from octyseg.model.key import StoredKey, key_key
from octyseg.model.segment import Segment

# Key and value as they stand on the topic; a value of None takes the key away.
DefinitionRecord = tuple[bytes, bytes | None]

_MODELS: dict[bytes, type[Shape]] = {
    b"segments": StoredSegment,
    b"eventTypes": StoredEventType,
    b"account": StoredAccount,
    b"webhookEndpoints": StoredEndpoint,
    b"webhookSecrets": StoredSecrets,
    b"webhookSwitches": StoredSwitch,
    b"apiKeys": StoredKey,
}


@dataclass(frozen=True)
class Registry:
    """An immutable picture of all definitions; every change gives a new one."""

    stored: Mapping[bytes, Shape] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @classmethod
    def fold(cls, records: Iterable[tuple[bytes | None, bytes | None]]) -> "Registry":
        """The registry that the records of the topic lead to."""
        return cls().after(records)

    def after(self, records: Iterable[tuple[bytes | None, bytes | None]]) -> "Registry":
        """This registry with further records applied, in order."""
        stored = dict(self.stored)
        problems = list(self.problems)
        for key, value in records:
            read = _read(key or b"", value)
            if isinstance(read, str):
                problems.append(read)
            elif read is None:
                stored.pop(key or b"", None)
            else:
                stored[key or b""] = read
        return Registry(stored, tuple(problems))

    def segments(self) -> tuple[StoredSegment, ...]:
        """Active segments and those whose deletion is pending, oldest first."""
        return tuple(segment for segment in self.history() if segment.status != "deleted")

    def active(self) -> tuple[StoredSegment, ...]:
        """The segments that match, oldest first."""
        return tuple(segment for segment in self.history() if segment.status == "active")

    def history(self) -> tuple[StoredSegment, ...]:
        """Every segment there ever was, oldest first."""
        segments = (stored for stored in self.stored.values() if isinstance(stored, StoredSegment))
        return tuple(sorted(segments, key=lambda segment: (segment.created_at_ms, segment.segment_id)))

    def segment(self, name_or_id: str) -> StoredSegment | None:
        """The segment of this id, also after its deletion; else the one of this name."""
        found = self.stored.get(segment_key(name_or_id))
        return found if isinstance(found, StoredSegment) else next(iter(self.named(name_or_id)), None)

    def named(self, name: str) -> list[StoredSegment]:
        """The segments of this name, active ones first; more than one only after a race between two writers."""
        named = [segment for segment in self.segments() if segment.name == name]
        return sorted(named, key=lambda segment: segment.status != "active")

    def event_types(self) -> tuple[StoredEventType, ...]:
        """The declared event types by name; the system's are known without being declared."""
        found = (stored for stored in self.stored.values() if isinstance(stored, StoredEventType))
        return tuple(sorted(found, key=lambda stored: stored.definition.event_type))

    def declared(self) -> tuple[EventTypeDefinition, ...]:
        """The declared event types as load_definitions asks for them."""
        return tuple(stored.definition for stored in self.event_types())

    def event_type(self, name: str) -> StoredEventType | None:
        """The declared event type of this name."""
        found = self.stored.get(event_type_key(name))
        return found if isinstance(found, StoredEventType) else None

    def account(self) -> AccountConfiguration | None:
        """The account's configuration."""
        found = self.stored.get(ACCOUNT_KEY)
        return found.definition if isinstance(found, StoredAccount) else None

    def endpoints(self) -> tuple[StoredEndpoint, ...]:
        """The defined endpoints of webhooks by name; the account's own is not among them."""
        found = (stored for stored in self.stored.values() if isinstance(stored, StoredEndpoint))
        return tuple(sorted(found, key=lambda stored: stored.definition.name))

    def endpoint(self, name: str) -> StoredEndpoint | None:
        """The defined endpoint of this name."""
        found = self.stored.get(endpoint_key(name))
        return found if isinstance(found, StoredEndpoint) else None

    def secrets(self, endpoint: str) -> StoredSecrets | None:
        """The sealed secrets of an endpoint."""
        found = self.stored.get(secrets_key(endpoint))
        return found if isinstance(found, StoredSecrets) else None

    def switch(self, endpoint: str) -> StoredSwitch | None:
        """How an endpoint was last switched; None when it never was."""
        found = self.stored.get(switch_key(endpoint))
        return found if isinstance(found, StoredSwitch) else None

    def api_keys(self) -> tuple[StoredKey, ...]:
        """The keys of the HTTP API, oldest first, revoked ones among them."""
        found = (stored for stored in self.stored.values() if isinstance(stored, StoredKey))
        return tuple(sorted(found, key=lambda stored: (stored.created_at_ms, stored.public_key)))

    def key(self, public_key: str) -> StoredKey | None:
        """The key of this public half."""
        found = self.stored.get(key_key(public_key))
        return found if isinstance(found, StoredKey) else None

    def engine_segments(self) -> tuple[Segment, ...]:
        """The engine's catalog: active segments, and those being deleted flagged so that they are swept."""
        ids = {segment.name: segment.segment_id for segment in self.active()}
        return tuple(compile_segment(segment, ids) for segment in self.segments())


def _read(key: bytes, value: bytes | None) -> Shape | str | None:
    """The record's meaning, None for a removal, or a line saying why it cannot be read."""
    kind = key.partition(b"/")[0]
    shown = repr(key)[1:]
    if kind not in _MODELS:
        return f"definitions record {shown} is skipped: unknown kind, upgrade octyseg if a newer one wrote it"
    if value is None:
        return None
    try:
        read = _MODELS[kind].model_validate_json(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(to_snake(str(part)) for part in first["loc"])
        is_newer = first["type"] == "extra_forbidden"
        advice = "upgrade octyseg, a newer one wrote it" if is_newer else "apply it again"
        return f"definitions record {shown} is skipped: {where or 'value'}: {first['msg'].lower()}; {advice}"
    if key != _key(read):
        return f"definitions record {shown} is skipped: its value belongs under another key; apply it again"
    return read


def _key(stored: Shape) -> bytes:
    match stored:
        case StoredSegment():
            return segment_key(stored.segment_id)
        case StoredEventType():
            return event_type_key(stored.definition.event_type)
        case StoredEndpoint():
            return endpoint_key(stored.definition.name)
        case StoredSecrets():
            return secrets_key(stored.endpoint)
        case StoredSwitch():
            return switch_key(stored.endpoint)
        case StoredKey():
            return key_key(stored.public_key)
        case _:
            return ACCOUNT_KEY
