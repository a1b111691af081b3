"""`octyseg dev`: everything in one process on one file, with no service to install."""

from typing import Annotated, Literal

import typer

from octyseg.cli.hosting import host
from octyseg.cli.output import tell
from octyseg.cli.session import begin
from octyseg.errors import UsageError


def dev(
    *,
    time: Annotated[
        Literal["wall", "events"] | None,
        typer.Option(
            "--time",
            help="Where a new log takes its clock from; with events, deadlines fall due as events are sent.",
            show_default="wall; a log that exists keeps its own",
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print only what a supervisor needs.")] = False,
) -> None:
    """Run all stages on the embedded log until told to end. Other verbs work beside it, on the same OCTYSEG_LOG."""
    loaded = begin()
    file = loaded.embedded_file
    if file is None:
        msg = f"`octyseg dev` runs on an embedded log, OCTYSEG_LOG is {loaded.log}: run `octyseg worker all` there"
        raise UsageError(msg)
    if quiet and loaded.log_level == "info":
        loaded = loaded.model_copy(update={"log_level": "warning"})

    def on_ready() -> None:
        tell(f"octyseg is ready on {file}" + ("" if quiet else "; Ctrl-C ends it"))
        if not quiet:
            tell("in another shell: octyseg apply -f FILE, octyseg simulate --to-log, octyseg tail tags --follow")

    host(loaded, "all", on_ready, time=time)
