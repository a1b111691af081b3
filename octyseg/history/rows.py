r"""Rows of history: what an event looks like in a table, made of records as they stand on the log.

    profile_id, at_ms (event time), place (offset), event_type, properties, event_id (64 bits of its hash)

`properties` has one property a line, sorted: `\n"plan":"gold"\n"seats":3\n`. JSON text holds no line feed,
so an event has a property exactly when the line stands in the text, which every database can find. Numbers
that are equal are written equally, and nothing else is.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec
import pyarrow as pa
import xxhash

from octyseg.model.record import Event

SCHEMA = pa.schema(
    [
        pa.field("profile_id", pa.string()),
        pa.field("at_ms", pa.int64()),
        pa.field("place", pa.int64()),
        pa.field("event_type", pa.string()),
        pa.field("properties", pa.string()),
        pa.field("event_id", pa.int64()),
    ]
)

_encode = msgspec.json.Encoder(order="deterministic").encode


class Row(NamedTuple):
    """One event, in the order of the columns."""

    profile_id: str
    at_ms: int
    place: int
    event_type: str
    properties: str
    event_id: int | None


def row_of(event: Event, at_ms: int, place: int) -> Row:
    """The row of an event that happened at `at_ms` and stands at `place` in its partition."""
    assert event.event_properties is not None
    digest = None if event.event_id is None else xxhash.xxh3_64_intdigest(event.event_id.encode()) - 2**63
    return Row(event.profile_id, at_ms, place, event.event_type, lines_of(event.event_properties), digest)


def table_of(rows: Sequence[Row]) -> pa.Table:
    """Rows as an Arrow table."""
    columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)], SCHEMA)


def lines_of(properties: Mapping[str, Any]) -> str:
    """All properties as one text."""
    lines = sorted(_line(name, value) for name, value in properties.items())
    return "\n" + "\n".join(lines) + "\n" if lines else ""


def properties_of(text: str) -> dict[str, Any]:
    """The properties that a text has, as they were but for the form of their numbers."""
    read: dict[str, Any] = msgspec.json.decode("{" + ",".join(text.strip("\n").split("\n")) + "}") if text else {}
    return read


def line_of(name: str, value: Any) -> str:
    """What stands in the text of an event that has this property."""
    return f"\n{_line(name, value)}\n"


def texts_of(value: Any, *, as_text: bool) -> Iterable[Any]:
    """The values that a value of a definition matches: itself, and under `compat: octy` what reads the same."""
    yield value
    if as_text and isinstance(value, str):
        try:
            read = msgspec.json.decode(value)
        except (msgspec.MsgspecError, UnicodeError):
            return
        if isinstance(read, bool | int | float) and _encode(read).decode() == value:
            yield read


def _line(name: str, value: Any) -> str:
    return f"{_encode(name).decode()}:{_encode(_plain(value)).decode()}"


def _plain(value: Any) -> Any:
    """Numbers that are equal as one: 1.0 is 1."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value
