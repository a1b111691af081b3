"""Many records decoded at once: the common case of octyseg.model.record, at two thirds of its cost.

`decode_lot` answers only when every record of the lot is a plain event, exactly as `decode` would have
answered one by one; else None, and the caller asks `decode` for each. It asks of the whole what `decode`
asks of each, where the one implies the other:

- The records are decoded in one call, as one array with a seam between them: a line feed and a zero. No document
  crosses a seam (a text may not hold a line feed, an object no bare number, and brackets are not admitted), so
  as many documents as records and seams means one each.
- A record has two quotation marks for each key and text that was decoded from it, and more for whatever was
  not: a key that stood twice, a field we do not know, anything nested, an escape. It never has fewer,
  so when the sums are equal, they are equal for each.
- Ids compare to keys joined by line feeds: printable text has none.
"""

from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Any, NamedTuple

import msgspec

from octyseg.model.record import (
    MAX_EVENT_TYPE_CHARACTERS,
    MAX_PROFILE_ID_BYTES,
    MAX_RECORD_BYTES,
    NOT_IDS,
    Event,
)
from octyseg.model.structure import MAX_KEYS

_SEAM = b",\n0,"
_decode_array = msgspec.json.Decoder(list[Event | int]).decode
# profile_id, event_type, event_properties, created_at, event_id, type
_FIELDS = 6


class Lot(NamedTuple):
    """The events of a lot in the order of its records, their types, and the times between which they lie."""

    events: list[Event]
    event_types: list[str]
    earliest: datetime
    latest: datetime


def decode_lot(keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> Lot | None:
    """All of them, when all are plain events that name their time in RFC 3339; at least one record."""
    if None in values or None in keys:
        return None
    joined = _SEAM.join(values)  # type: ignore[arg-type] # there is no None in it
    if b"[" in joined:
        return None
    try:
        decoded: list[Any] = _decode_array(b"[%b]" % joined)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    events: list[Event] = decoded[::2]
    if len(decoded) != 2 * len(values) - 1 or set(map(type, events)) != {Event}:
        return None
    properties: list[Any] = [event.event_properties for event in events]
    times: list[Any] = [event.created_at for event in events]
    if set(map(type, properties)) != {dict} or set(map(type, times)) != {datetime}:
        return None
    event_types = [event.event_type for event in events]
    if (
        max(map(len, values)) > MAX_RECORD_BYTES  # type: ignore[arg-type]
        or max(map(len, properties)) > MAX_KEYS - _FIELDS
        or not all(1 <= len(name) <= MAX_EVENT_TYPE_CHARACTERS for name in set(event_types))
        or not _are_their_keys([event.profile_id for event in events], keys)  # type: ignore[arg-type]
        or joined.count(b'"') != _marks(events, properties)
    ):
        return None
    return Lot(events, event_types, min(times), max(times))


def _marks(events: Sequence[Event], properties: Sequence[dict[str, Any]]) -> int:
    """How many quotation marks what was decoded accounts for; -1 when a record is of another type."""
    count = len(events)
    types = [event.type for event in events]
    typed = types.count("event")
    if typed + types.count(None) != count:
        return -1
    identified = count - [event.event_id for event in events].count(None)
    # Four keys stand in every record, and three texts.
    keys = 4 * count + typed + identified + sum(map(len, properties))
    values = chain.from_iterable(map(dict.values, properties))
    texts = 3 * count + typed + identified + list(map(type, values)).count(str)
    return 2 * (keys + texts)


def _are_their_keys(profile_ids: Sequence[str], keys: Sequence[bytes]) -> bool:
    """Whether every id is a good one and its record's key."""
    return (
        "".join(profile_ids).isprintable()
        and "\n".join(profile_ids).encode() == b"\n".join(keys)
        and min(profile_ids) >= "!"  # none is empty or begins with a space
        and max(map(len, keys)) <= MAX_PROFILE_ID_BYTES
        and NOT_IDS.isdisjoint(profile_ids)
    )
