"""CSV files of profiles, events and members, in the columns that Octy's own client uses.

    profiles  customer_id, has_charged, status, profile_data>>likes, ..., platform_info>>os, ...
    events    event_type, profile_id, created_at, event_id, event_properties>>item_id, ...
    members   profile_id or customer_id

`rows` gives each row with its line, as the fields of a request or the text that says what is wrong with it.
Cells are read as they look: true, 12 and 0.5 are no texts, an empty cell says nothing. Written out again, a cell
that a spreadsheet would take for a formula begins with an apostrophe.
"""

import csv
import math
import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal, NamedTuple

from octyseg.errors import UsageError

Kind = Literal["profiles", "events", "members"]

NESTED = ">>"
_COLUMNS: dict[Kind, frozenset[str]] = {
    "profiles": frozenset({"profile_id", "customer_id", "has_charged", "status"}),
    "events": frozenset({"event_type", "profile_id", "created_at", "event_id"}),
    "members": frozenset({"profile_id", "customer_id"}),
}
_OBJECTS: dict[Kind, frozenset[str]] = {
    "profiles": frozenset({"profile_data", "platform_info"}),
    "events": frozenset({"event_properties"}),
    "members": frozenset(),
}
_NEEDED: dict[Kind, tuple[str, ...]] = {
    "profiles": ("customer_id", "profile_id"),
    "events": ("event_type", "profile_id"),
    "members": ("profile_id", "customer_id"),
}
# One of these is enough; of events all are needed.
_ANY_OF = frozenset({"profiles", "members"})
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d{1,17})?([eE][+-]?\d{1,3})?")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Row(NamedTuple):
    """A row: its line in the file (the header is line 1), and its fields or what is wrong with it."""

    line: int
    fields: dict[str, Any] | None
    problem: str = ""


def rows(kind: Kind, lines: Iterable[str]) -> Iterator[Row]:
    """Every row of a file; UsageError when its header cannot be read."""
    reader = csv.reader(_clean(lines), strict=True)
    header = _header(kind, reader)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Row(line, None, f"the row cannot be read: {error}")
            continue
        if not cells:
            continue
        if len(cells) != len(header):
            yield Row(
                line, None, f"{len(cells)} cells where the header has {len(header)}: correct the commas or quotes"
            )
            continue
        yield Row(line, _fields(kind, header, cells))


def escaped(cell: object) -> object:
    """A cell that no spreadsheet takes for a formula."""
    return "'" + cell if isinstance(cell, str) and cell.startswith(_FORMULA) else cell


def _clean(lines: Iterable[str]) -> Iterator[str]:
    """Without a byte order mark, and without the zero bytes that csv refuses a whole file for."""
    for number, line in enumerate(lines):
        yield (line.removeprefix("\ufeff") if number == 0 else line).replace("\0", "\ufffd")


def _header(kind: Kind, reader: Iterator[list[str]]) -> list[str]:
    try:
        header = [name.strip() for name in next(reader)]
    except (StopIteration, csv.Error):
        msg = f"the file is empty: its first line names the columns, e.g. {','.join(_NEEDED[kind])}"
        raise UsageError(msg) from None
    known, objects = _COLUMNS[kind], _OBJECTS[kind]
    for name in header:
        first, nested, rest = name.partition(NESTED)
        if not (name in known or (nested and first in objects and rest)):
            choices = [*sorted(known), *(f"{one}{NESTED}NAME" for one in sorted(objects))]
            msg = f'column "{name}" is unknown: name columns {", ".join(choices)}'
            raise UsageError(msg)
    if len(set(header)) < len(header):
        msg = "a column stands twice in the header: name each once"
        raise UsageError(msg)
    needed = _NEEDED[kind]
    if not (any if kind in _ANY_OF else all)(name in header for name in needed):
        msg = f"the header has no {' or '.join(needed)}: {'one of them is' if kind in _ANY_OF else 'both are'} needed"
        raise UsageError(msg)
    return header


def _fields(kind: Kind, header: list[str], cells: list[str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, cell in zip(header, cells, strict=True):
        if not cell.strip():
            continue
        first, nested, rest = name.partition(NESTED)
        if nested:
            fields.setdefault(first, {})[rest] = _value(cell)
        elif name == "has_charged":
            fields[name] = _value(cell.strip().lower())
        else:
            fields[name] = cell.strip()
    if kind == "events":
        fields.setdefault("event_properties", {})
    return fields


def _value(cell: str) -> object:
    if cell in ("true", "false", "True", "False"):
        return cell.lower() == "true"
    match = _NUMBER.fullmatch(cell)
    if match is None:
        return cell
    number = float(cell) if match[2] or match[3] else int(cell)
    return number if math.isfinite(number) else cell
