"""`octyseg worker`: run stages on the log of the settings until told to end."""

from typing import Annotated, Literal

import typer

from octyseg.cli.hosting import host
from octyseg.cli.session import begin


def worker(
    stages: Annotated[
        Literal["live", "tags", "webhooks", "past", "all"],
        typer.Argument(
            help="live: detect. tags: publish them, keep Redis. webhooks: send them. past: history and runs. all: all.",
            show_default=False,
        ),
    ],
    slot: Annotated[
        int | None,
        typer.Option("--slot", min=0, help="Which of several workers on this machine; names it unless a setting does."),
    ] = None,
) -> None:
    """Run a worker. SIGTERM ends it cleanly; killed, it loses nothing and goes on where it was."""
    loaded = begin()
    if slot is not None:
        loaded = loaded.model_copy(update={"instance_id": f"{loaded.instance_id}-{slot}"})
    host(loaded, stages)
