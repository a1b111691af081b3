"""`octyseg worker`: run stages on the log of the settings until told to end."""

from typing import Annotated, Literal

import typer

from octyseg.cli.hosting import host
from octyseg.cli.session import begin


def worker(
    stages: Annotated[
        Literal["live", "tags", "all"],
        typer.Argument(help="live: detect. tags: publish changes and keep Redis. all: both.", show_default=False),
    ],
) -> None:
    """Run a worker. SIGTERM ends it cleanly; killed, it loses nothing and goes on where it was."""
    host(begin(), stages)
