"""One event of made-up traffic, ready to be appended, and how its JSON is made.

Decides the shape of the record; which event happens when is the patterns' business.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from octyseg.model.change import rfc3339

_SPREAD = 0x9E3779B97F4A7C15  # odd, so multiplying by it modulo 2**64 gives every number another id


class TrafficEvent(NamedTuple):
    """A record for the events topic: its key is the profile_id, its value the line."""

    at_ms: int
    profile_id: str
    line: bytes


class _Body(msgspec.Struct):
    event_id: str
    profile_id: str
    event_type: str
    event_properties: Mapping[str, Any]
    created_at: str


def writer(seed: int) -> Callable[[int, str, str, Mapping[str, Any]], TrafficEvent]:
    """A function of (at_ms, profile_id, event_type, properties) that numbers its events: ids never repeat."""
    encode = msgspec.json.Encoder().encode
    prefix = f"evt_{seed & 0xFFFFFFFF:08x}"
    number = 0
    second, text = -1, ""

    def write(at_ms: int, profile_id: str, event_type: str, properties: Mapping[str, Any]) -> TrafficEvent:
        nonlocal number, second, text
        number += 1
        whole, millisecond = divmod(at_ms, 1000)
        if whole != second:
            # Events come in the order of time, so a second's text serves all events of that second.
            second, text = whole, rfc3339(whole * 1000)[:-4]
        event_id = f"{prefix}{number * _SPREAD & 0xFFFFFFFFFFFFFFFF:016x}"
        body = _Body(event_id, profile_id, event_type, properties, f"{text}{millisecond:03d}Z")
        return TrafficEvent(at_ms, profile_id, encode(body))

    return write


def profile_name(number: int) -> str:
    """The id of the n-th profile."""
    return f"profile_{number:07d}"
