"""How verbs print: data on stdout as a table or stable JSON, everything else on stderr.

Tables are cut for a terminal only; in a pipe every value is whole. Rich honours NO_COLOR.
"""

import os
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_PIPE_COLUMNS = 10_000


def print_json(value: Any) -> None:
    """One JSON document, indented, keys in the order they were given."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_json_line(value: Any) -> None:
    """One JSON document on one line, for streams of them."""
    typer.echo(msgspec.json.encode(value).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table of text; None is shown as nothing."""
    on_terminal = sys.stdout.isatty()
    table = Table(*columns, box=SIMPLE_HEAD if on_terminal else None, pad_edge=False, show_edge=False)
    for column in table.columns:
        column.overflow = "fold"
        column.no_wrap = not on_terminal
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    Console(width=None if on_terminal else _PIPE_COLUMNS, markup=False, highlight=False, emoji=False).print(table)


def tell(text: str, colour: str | None = None, *, to_stdout: bool = False) -> None:
    """A line for the person, on stderr unless it is the answer; in colour on a terminal that wants it."""
    wants_none = False if os.environ.get("NO_COLOR") else None
    typer.secho(text, err=not to_stdout, fg=colour, color=wants_none)


def warn(lines: Iterable[str]) -> None:
    """Warnings, one line each, on stderr."""
    for line in lines:
        tell(f"warning: {line}", "yellow")
