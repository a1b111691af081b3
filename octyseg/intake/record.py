"""Records made of what was sent: JSON as producers would write it, held against the same rules.

`event` and `profile` give a record that the live stage will take, or the text that says why it would refuse
it. Nothing is written here.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from octyseg.model.record import decode, epoch_ms
from octyseg.model.refusal import Refusal

# Octy's own form of a time, in UTC.
_OCTY_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,6})?)")
# How far ahead of its arrival an event may be, less what the clocks of two machines may differ.
FUTURE_MS = 110_000

_EVENT_FIELDS = ("profile_id", "event_type", "event_properties", "created_at", "event_id")

_to_json = msgspec.json.Encoder().encode


class NewInput(NamedTuple):
    """A record to append: whose it is, its bytes."""

    profile_id: str
    value: bytes


class Refused(NamedTuple):
    """Why there is no record, for the person who sent it."""

    text: str


def event(fields: Mapping[str, Any], event_id: str, now_ms: int) -> NewInput | Refused:
    """An event of its fields; one without a time is as of its arrival, one without an id gets this one."""
    given = {name: fields[name] for name in _EVENT_FIELDS if fields.get(name) is not None}
    own: dict[str, Any] = {"profile_id": None, "event_properties": {}, "event_id": event_id}
    return checked(own | given | {"created_at": instant(given.get("created_at"))}, now_ms)


def profile(profile_id: object, fields: dict[str, Any], now_ms: int) -> NewInput | Refused:
    """What is said of a profile; `fields` as in a profile record, those that are not there change nothing."""
    return checked({"type": "profile", "profile_id": profile_id} | fields, now_ms)


def merge(child: str, into: str, now_ms: int) -> NewInput | Refused:
    """The profile is one person with another."""
    return checked({"type": "merge", "profile_id": child, "into": into}, now_ms)


def erasure(profile_id: str, now_ms: int) -> NewInput | Refused:
    """Everything about the profile is to be forgotten."""
    return checked({"type": "erase", "profile_id": profile_id}, now_ms)


def instant(created_at: object) -> object:
    """A time as records have it: Octy's `YYYY-MM-DD HH:MM:SS` is UTC, nothing is no time, the rest stays."""
    if isinstance(created_at, str):
        match = _OCTY_TIME.fullmatch(created_at)
        return f"{match[1]}T{match[2]}Z" if match else created_at or None
    return created_at


def checked(fields: dict[str, Any], now_ms: int) -> NewInput | Refused:
    """The record of these fields, when it would be taken."""
    profile_id = fields["profile_id"]
    if not isinstance(profile_id, str):
        return Refused("profile_id is missing or no text: send the id of a profile")
    try:
        value = _to_json({name: value for name, value in fields.items() if value is not None})
        key = profile_id.encode()
    except (msgspec.MsgspecError, UnicodeError, ValueError, RecursionError, OverflowError, TypeError):
        return Refused("it holds text that is no UTF-8, or is nested too deep: correct it")
    read = decode(key, value)
    if isinstance(read, Refusal):
        return Refused(read.message)
    at_ms = epoch_ms(read.created_at, now_ms)
    if isinstance(at_ms, Refusal):
        return Refused(at_ms.message)
    if at_ms > now_ms + FUTURE_MS:
        return Refused(f"created_at lies {(at_ms - now_ms) // 1000} s ahead of now: check the producer's clock")
    return NewInput(profile_id, value)
