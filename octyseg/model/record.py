"""Input records: what a producer may say, decoded once, and why a record is refused.

`decode` is exact about JSON (no duplicate keys, no NaN, depth, size) and cheap for the common case:
one typed decode, then as many keys must show in the bytes as were decoded, which leaves only records
with nested objects or fields we do not know to the slower look. A refusal is a value: its reason is
also the metric's label. Time limits need an arrival and are the engine's.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from octyseg.model.refusal import Refusal, RefusedError
from octyseg.model.structure import KEY_END, MAX_DEPTH, MAX_KEYS, check_structure, hides_keys, lowered

MAX_RECORD_BYTES = 32 * 1024
# Fewer brackets than this cannot nest too deep in a record whose objects are two deep.
MAX_LISTS = MAX_DEPTH - 3
MAX_PROFILE_ID_BYTES = 256
MAX_EVENT_TYPE_CHARACTERS = 60
MAX_EVENT_ID_CHARACTERS = 256
# Epoch milliseconds from 1973 to 5138; seconds lie below, micro- and nanoseconds above.
MIN_EPOCH_MS = 10**11
MAX_EPOCH_MS = 10**14
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# What serializers of Confluent's schema registry put before a document: a zero, and four bytes that name its schema.
_REGISTERED, _REGISTRY_HEADER = b"\0", 5
NOT_IDS = frozenset({"", "null", "undefined"})
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

Instant = Annotated[datetime, Meta(tz=True)] | int | None
EventId = Annotated[str, Meta(max_length=MAX_EVENT_ID_CHARACTERS)]


class Event(Struct, gc=False):
    """An event as decoded; also the envelope in which the `type` of any record is seen first."""

    profile_id: str
    event_type: str = ""
    event_properties: dict[str, Any] | None = None
    created_at: Instant = None
    event_id: EventId | None = None
    type: str | None = None


class Profile(Struct):
    """Attributes of a profile, merged key by key; null removes a key."""

    profile_id: str
    type: str
    customer_id: str | UnsetType = UNSET
    profile_data: dict[str, Any] | UnsetType = UNSET
    platform_info: dict[str, Any] | UnsetType = UNSET
    has_charged: bool | UnsetType = UNSET
    status: str | UnsetType = UNSET
    created_at: Instant = None


class Merge(Struct):
    """The child profile is one person with the parent `into`."""

    profile_id: str
    type: str
    into: str
    created_at: Instant = None


class Erase(Struct):
    """Everything about the profile is to be forgotten."""

    profile_id: str
    type: str
    created_at: Instant = None


InputRecord = Event | Profile | Merge | Erase


class _Envelope(Struct):
    """Whose record it is."""

    profile_id: str


_decode_envelope = msgspec.json.Decoder(_Envelope).decode
_decode_event = msgspec.json.Decoder(Event).decode
_decoders: dict[str, Callable[[bytes], InputRecord]] = {
    "profile": msgspec.json.Decoder(Profile).decode,
    "merge": msgspec.json.Decoder(Merge).decode,
    "erase": msgspec.json.Decoder(Erase).decode,
}


def decode(key: bytes | None, value: bytes | None) -> InputRecord | Refusal:
    """Decode one record; everything but its time limits is checked."""
    if not value or len(value) > MAX_RECORD_BYTES:
        return _size_refusal(value)
    try:
        event = _decode_event(value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _second_look(key, value, error)
    profile_id = event.profile_id
    if (
        key is None
        or key != profile_id.encode()
        or len(key) > MAX_PROFILE_ID_BYTES
        or not profile_id.isprintable()
        or profile_id < "!"  # empty, or begins with a space
        or profile_id in NOT_IDS
    ):
        refusal = _identity_refusal(key, profile_id)
        if refusal is not None:
            return refusal
    properties = event.event_properties
    if properties is None or not event.event_type or not _is_plain(event, properties, value):
        try:
            check_structure(value)
        except RefusedError as refused:
            return refused.refusal
    if event.type is not None and event.type != "event":
        return _other_type(event, value)
    if properties is None or not 1 <= len(event.event_type) <= MAX_EVENT_TYPE_CHARACTERS:
        return _event_field_refusal(event)
    return event


def _is_plain(event: Event, properties: dict[str, Any], value: bytes) -> bool:
    """Whether nothing stands in the bytes but what was decoded: no key twice, no field unknown, nothing nested.

    What was decoded accounts for two quotation marks a key and two a text; more of them may also stand
    inside texts or lists, so then the ends of keys are counted. An event has its type here.
    """
    given = (event.created_at is not None) + (event.event_id is not None) + (event.type is not None)
    texts = list(map(type, properties.values())).count(str) + (type(event.created_at) is not int)
    keys = len(properties) + given + 3
    if value.count(b'"') != 2 * (keys + texts + given + 1) and (value.count(KEY_END) != keys or hides_keys(value)):
        return False
    return keys <= MAX_KEYS and (value.find(b"[") < 0 or value.count(b"[") <= MAX_LISTS)


def epoch_ms(created_at: Instant, arrival_ms: int) -> int | Refusal:
    """Event time in epoch milliseconds; the arrival where the record names none."""
    if type(created_at) is datetime:
        return (created_at - EPOCH) // MILLISECOND if created_at > EPOCH else _not_positive()
    if created_at is None:
        return arrival_ms
    assert isinstance(created_at, int)
    if created_at <= 0:
        return _not_positive()
    if not MIN_EPOCH_MS <= created_at < MAX_EPOCH_MS:
        return Refusal("bad_time", f"created_at {created_at} is not in milliseconds: send those or RFC 3339")
    return created_at


def own_key(value: bytes) -> bytes | None:
    """The key that the record should have on a log, by what it says itself; None when it says nothing."""
    try:
        return _decode_envelope(value).profile_id.encode()
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return None


def is_profile_id(text: str) -> bool:
    """Whether the text may be the id of a profile."""
    return not _identity_refusal(text.encode(), text)


def _not_positive() -> Refusal:
    return Refusal("bad_time", "created_at lies at or before 1970: send the time of the event")


def _size_refusal(value: bytes | None) -> Refusal:
    if not value:
        return Refusal("empty", "the record has no value: send one JSON object")
    return Refusal("too_large", f"the record has {len(value)} bytes: at most {MAX_RECORD_BYTES} are taken")


def _identity_refusal(key: bytes | None, profile_id: str) -> Refusal | None:
    if key is None:
        return Refusal("key_missing", "the record has no key: use the profile_id as key")
    if profile_id in NOT_IDS or profile_id.isspace():
        return Refusal("bad_profile_id", f"profile_id {profile_id!r} names nobody: send the id of a profile")
    if len(profile_id.encode()) > MAX_PROFILE_ID_BYTES:
        return Refusal("bad_profile_id", f"profile_id is longer than {MAX_PROFILE_ID_BYTES} bytes: shorten it")
    if any(character < " " or "\x7f" <= character < "\xa0" for character in profile_id):
        return Refusal("bad_profile_id", "profile_id holds a control character: remove it")
    if key == msgspec.json.encode(profile_id):
        text = "the record's key is its profile_id in quotation marks: send it as text, not as JSON"
        return Refusal("key_mismatch", text)
    if key != profile_id.encode():
        return Refusal("key_mismatch", "the record's key is not its profile_id: use the profile_id as key")
    return None


def _event_field_refusal(event: Event) -> Refusal:
    if not event.event_type:
        return Refusal("bad_field", "event_type is missing: name the type of the event")
    if event.event_properties is None:
        return Refusal("bad_field", "event_properties is missing: send an object, {} when there are none")
    return Refusal("bad_field", f"event_type has {len(event.event_type)} characters: 1 to {MAX_EVENT_TYPE_CHARACTERS}")


def _other_type(event: Event, value: bytes) -> InputRecord | Refusal:
    decoder = _decoders.get(str(event.type))
    if decoder is None:
        return Refusal("unknown_type", f"type {event.type!r} is unknown: use event, profile, merge or erase")
    try:
        record = decoder(value)
    except msgspec.ValidationError as error:
        return Refusal("bad_field", f"{event.type} record: {lowered(error)}")
    try:
        # As states are written, which keep what it says.
        msgspec.msgpack.encode(record)
    except OverflowError:
        return Refusal("bad_number", f"{event.type} record: a whole number of more than 64 bits: send it as text")
    return record


def _second_look(key: bytes | None, value: bytes, error: Exception) -> InputRecord | Refusal:
    """A record the decoder refused: mend what may be mended, once, else say why.

    That is a byte order mark, the header of a schema registry, and a leap second.
    """
    if value.startswith(_BYTE_ORDER_MARK) and not value.startswith(_BYTE_ORDER_MARK, len(_BYTE_ORDER_MARK)):
        return decode(key, value[len(_BYTE_ORDER_MARK) :])
    if value.startswith(_REGISTERED) and value.startswith(b"{", _REGISTRY_HEADER):
        return decode(key, value[_REGISTRY_HEADER:])
    try:
        document = check_structure(value)
    except RefusedError as refused:
        return refused.refusal
    if not isinstance(document, dict):
        return Refusal("bad_field", "the record is not a JSON object: send one object a record")
    created_at = document.get("created_at")
    if isinstance(created_at, str) and "`$.created_at`" in str(error):
        if created_at[16:19] == ":60":
            document["created_at"] = created_at[:17] + "59.999" + created_at[19:].lstrip(".0123456789")
            return decode(key, json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode())
        if "timezone" in str(error):
            return Refusal("no_zone", f"created_at {created_at!r} has no zone: end it with Z or an offset")
        return Refusal("bad_time", f"created_at {created_at!r} is not RFC 3339: send e.g. 2026-11-21T10:11:12.123Z")
    if "range" in str(error):
        return Refusal("bad_number", f"{lowered(error)}: send numbers a double can hold")
    return Refusal("bad_field", lowered(error))
