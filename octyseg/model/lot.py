"""Many records decoded at once: the common case of octyseg.model.record, at less than two thirds of its cost.

`decode_lot` answers only when every record of the lot is a plain event that names its time, all of them as texts
or all as numbers, exactly as `decode` would have answered one by one; else None, and the caller asks `decode`
for each. It asks of the whole what `decode` asks of each, where the one implies the other:

- The records are decoded in one call, as one array with a seam between them: a line feed and a zero. No document
  crosses a seam (a text may not hold a line feed, an object no bare number, and brackets are not admitted), so
  as many documents as records and seams means one each.
- Each key in a record has its own colon behind a quotation mark or white space; some texts have more of
  those, and nothing has fewer. So when as many are seen in all as keys were decoded, no record holds what was not
  decoded: a key that stood twice, a field we do not know, anything nested.
- Where texts have such colons, quotation marks are counted: two for each key and text that was decoded,
  and more for whatever was not, or for an escape. There are never fewer either.
- Ids compare to keys joined by line feeds: printable text has none.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from itertools import chain
from typing import Annotated, Any, NamedTuple, cast

import msgspec
import numpy as np
from msgspec import Meta, Struct
from msgspec.structs import astuple

from octyseg.model.record import (
    MAX_EVENT_TYPE_CHARACTERS,
    MAX_PROFILE_ID_BYTES,
    MAX_RECORD_BYTES,
    NOT_IDS,
    EventId,
    epoch_ms,
)
from octyseg.model.refusal import Refusal
from octyseg.model.structure import MAX_KEYS

_SEAM = b",\n0,"
# profile_id, event_type, event_properties, created_at, event_id, type
_FIELDS = 6
_QUOTE, _COLON = b'":'
# Most ids; the rest are looked at in other ways.
_ASCII_IDS = re.compile(r"[!-~][ -~]{0,255}(?:\n[!-~][ -~]{0,255})*").fullmatch
assert MAX_PROFILE_ID_BYTES == 1 + 255


class PlainEvent(Struct, gc=False, kw_only=True):
    """What octyseg.model.record.Event is, of an event that names its time."""

    profile_id: str
    event_type: Annotated[str, Meta(min_length=1, max_length=MAX_EVENT_TYPE_CHARACTERS)]
    event_properties: dict[str, Any]
    created_at: Annotated[datetime, Meta(tz=True)] | int
    event_id: EventId | None = None
    type: str | None = None


_decode_array = msgspec.json.Decoder(list[PlainEvent | int]).decode


class Lot(NamedTuple):
    """The events of a lot in the order of its records, their types, and the latest event time."""

    events: list[PlainEvent]
    event_types: Sequence[str]
    latest_ms: int


def decode_lot(keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> Lot | None:
    """All of them, when all are plain events that name their time, and alike; at least one record."""
    try:
        names = b"\n".join(cast("Sequence[bytes]", keys))
        joined = _SEAM.join(cast("Sequence[bytes]", values))
    except TypeError:  # one of them is None
        return None
    if b"[" in joined:
        return None
    try:
        decoded = _decode_array(b"[%b]" % joined)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    if len(decoded) != 2 * len(values) - 1:
        return None
    events = cast("list[PlainEvent]", decoded[::2])
    try:
        profile_ids, event_types, properties, times, event_ids, types = zip(*map(astuple, events), strict=True)
        earliest, latest = min(times), max(times)
    except TypeError:  # a number among the events, or among times that are texts
        return None
    latest_ms = epoch_ms(latest, 0)
    if isinstance(latest_ms, Refusal) or isinstance(epoch_ms(earliest, 0), Refusal):
        return None
    typed = types.count("event")
    sizes = [*map(len, properties)]
    if (
        typed + types.count(None) != len(events)
        or max(map(len, values)) > MAX_RECORD_BYTES  # type: ignore[arg-type] # there is no None in it
        or max(sizes) > MAX_KEYS - _FIELDS
        or not _are_their_keys(profile_ids, names)
    ):
        return None
    # Four keys stand in every record, and three texts if the time is one.
    others = len(events) - event_ids.count(None) + typed
    named = 4 * len(events) + others + sum(sizes)
    if _colons(joined) != named:
        texts = (2 if type(latest) is int else 3) * len(events) + others + _texts(properties)
        if joined.count(b'"') != 2 * (named + texts):
            return None
    return Lot(events, event_types, latest_ms)


def _colons(text: bytes) -> int:
    """How many colons stand behind a quotation mark or white space, or any byte below them."""
    characters = np.frombuffer(text, np.uint8)
    return int(np.count_nonzero((characters[:-1] <= _QUOTE) & (characters[1:] == _COLON)))


def _texts(properties: Sequence[dict[str, Any]]) -> int:
    """How many of their values are texts."""
    return list(map(type, chain.from_iterable(map(dict.values, properties)))).count(str)


def _are_their_keys(profile_ids: Sequence[str], names: bytes) -> bool:
    """Whether every id is a good one and its record's key; the keys are joined by line feeds."""
    joined = "\n".join(profile_ids)
    if joined.encode() != names or not NOT_IDS.isdisjoint(profile_ids):
        return False
    if joined.count("\n") == len(profile_ids) - 1 and _ASCII_IDS(joined):
        return True
    return (
        "".join(profile_ids).isprintable()
        and min(profile_ids) >= "!"  # none is empty or begins with a space
        and max(map(len, names.split(b"\n"))) <= MAX_PROFILE_ID_BYTES
    )
