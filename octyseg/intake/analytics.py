"""What Segment's and RudderStack's libraries send, made into records: track, identify, page, screen, group, alias.

    userId, else anonymousId     profile_id (an alias merges previousId into userId)
    traits, context.traits       profile_data
    messageId                    event_id
    timestamp                    created_at, put right by how far the sender's clock was off when it sent (sentAt)

Rules: https://segment.com/docs/connections/spec/common/ (timestamps: corrected = received - (sentAt - timestamp)).
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from octyseg.intake import record
from octyseg.intake.record import NewInput, Refused
from octyseg.model.change import rfc3339
from octyseg.model.record import EPOCH, MILLISECOND

# A difference of clocks below this is the way of the message.
_SKEW_MS = 1_000
_NAMED = {"page": "page_viewed", "screen": "screen_viewed"}


def records(message: Mapping[str, Any], sent_at: object, now_ms: int, default_id: str) -> list[NewInput] | Refused:
    """The records of one message; a message that says nothing of a profile (group) makes none."""
    kind = message.get("type")
    profile_id = _id(message.get("userId")) or _id(message.get("anonymousId"))
    if profile_id is None:
        return Refused("userId and anonymousId are missing: send one of them, as text")
    match kind:
        case "track" | "page" | "screen":
            made = _event(message, profile_id, _created_at(message, sent_at, now_ms), default_id, now_ms)
        case "identify":
            made = _identify(message, profile_id, now_ms)
        case "alias":
            return _alias(message, profile_id, now_ms)
        case "group":
            return []
        case _:
            return Refused(f"type {kind!r} is unknown: send track, identify, page, screen, group or alias")
    return made if isinstance(made, Refused) else [made]


def _event(
    message: Mapping[str, Any], profile_id: str, created_at: object, default_id: str, now_ms: int
) -> NewInput | Refused:
    kind = message["type"]
    properties = message.get("properties") or {}
    if kind == "track":
        name = message.get("event")
    else:
        name = _NAMED[kind]
        if isinstance(properties, dict) and message.get("name"):
            properties = {"name": message["name"]} | properties
    fields = {
        "profile_id": profile_id,
        "event_type": name,
        "event_properties": properties,
        "created_at": created_at,
    }
    return record.event(fields, _id(message.get("messageId")) or default_id, now_ms)


def _identify(message: Mapping[str, Any], profile_id: str, now_ms: int) -> NewInput | Refused:
    context = message.get("context")
    # RudderStack's libraries put them into the context.
    traits = message.get("traits") or (context.get("traits") if isinstance(context, dict) else None) or {}
    if not isinstance(traits, dict):
        return Refused("traits is no object: send one")
    # No time of its own: what a profile is said to be holds from when it was said to us.
    return record.profile(profile_id, {"profile_data": traits}, now_ms)


def _alias(message: Mapping[str, Any], profile_id: str, now_ms: int) -> list[NewInput] | Refused:
    previous = _id(message.get("previousId"))
    if previous is None:
        return Refused("previousId is missing: name the profile that becomes one with userId")
    made = record.merge(previous, profile_id, now_ms)
    return made if isinstance(made, Refused) else [made]


def _created_at(message: Mapping[str, Any], sent_at: object, now_ms: int) -> object:
    """When it happened, by our clock as far as the sender's can be told; what is no time stays, to be refused."""
    at, sent = _time(message.get("timestamp")), _time(sent_at)
    if at is None or sent is None:
        return message.get("timestamp")
    skew = EPOCH + MILLISECOND * now_ms - sent
    try:
        if abs(skew) >= timedelta(milliseconds=_SKEW_MS):
            at += skew
        return rfc3339((at - EPOCH) // MILLISECOND)
    except (OverflowError, ValueError):
        return message.get("timestamp")


def _time(text: object) -> datetime | None:
    if not isinstance(text, str):
        return None
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # no time, or none that there is in UTC
        return None


def _id(value: object) -> str | None:
    """An id as text; libraries also send numbers."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) and value else None
