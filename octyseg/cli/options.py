"""Options that several verbs share, so that they read the same everywhere."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from octyseg.errors import UsageError
from octyseg.model.definitions.rules.conditions import instant
from octyseg.model.record import MAX_EPOCH_MS, MIN_EPOCH_MS

Form = Annotated[Literal["table", "json"], typer.Option("-o", "--output", help="For people or for programs.")]
File = Annotated[
    Path, typer.Option("-f", "--file", help="Definitions in YAML or JSON; - reads stdin.", show_default=False)
]


def instant_ms(text: str) -> int:
    """An instant as people write it, in epoch milliseconds; UsageError when it is none."""
    if text.isascii() and text.isdigit():
        at_ms = int(text)
        if MIN_EPOCH_MS <= at_ms < MAX_EPOCH_MS:
            return at_ms
    elif (at := instant(text)) is not None:
        return round(at.timestamp() * 1000)
    msg = (
        f'--as-of "{text}" is no instant: write RFC 3339 with a zone, e.g. 2026-11-27T00:00:00Z, or epoch milliseconds'
    )
    raise UsageError(msg)
