"""Many records decoded at once: the common case of octyseg.model.record, at less than two thirds of its cost.

`decode_lot` answers only when every record of the lot is a plain event, exactly as `decode` would have
answered one by one; else None, and the caller asks `decode` for each. It asks of the whole what `decode`
asks of each, where the one implies the other:

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
)
from octyseg.model.structure import MAX_KEYS

_SEAM = b",\n0,"
# profile_id, event_type, event_properties, created_at, event_id, type
_FIELDS = 6
_QUOTE, _COLON = b'":'
# Most ids; the rest are looked at in other ways.
_ASCII_IDS = re.compile(r"[!-~][ -~]{0,255}(?:\n[!-~][ -~]{0,255})*").fullmatch
assert MAX_PROFILE_ID_BYTES == 1 + 255


class PlainEvent(Struct, gc=False, kw_only=True):
    """What octyseg.model.record.Event is, of an event that names its time in RFC 3339."""

    profile_id: str
    event_type: Annotated[str, Meta(min_length=1, max_length=MAX_EVENT_TYPE_CHARACTERS)]
    event_properties: dict[str, Any]
    created_at: Annotated[datetime, Meta(tz=True)]
    event_id: str | None = None
    type: str | None = None


_decode_array = msgspec.json.Decoder(list[PlainEvent | int]).decode


class Lot(NamedTuple):
    """The events of a lot in the order of its records, their types, and the times between which they lie."""

    events: list[PlainEvent]
    event_types: Sequence[str]
    earliest: datetime
    latest: datetime


def decode_lot(keys: Sequence[bytes | None], values: Sequence[bytes | None]) -> Lot | None:
    """All of them, when all are plain events that name their time in RFC 3339; at least one record."""
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
    except TypeError:  # one of them is a number
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
    # Four keys stand in every record, and three texts.
    others = len(events) - event_ids.count(None) + typed
    named = 4 * len(events) + others + sum(sizes)
    if _colons(joined) != named:
        texts = 3 * len(events) + others + _texts(properties)
        if joined.count(b'"') != 2 * (named + texts):
            return None
    return Lot(events, event_types, min(times), max(times))


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
