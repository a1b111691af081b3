"""`octyseg dev`: everything in one process on one file, with no service to install."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from octyseg.cli.hosting import host
from octyseg.cli.output import tell
from octyseg.cli.session import begin
from octyseg.errors import UsageError
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.hosting.embedded import Beside


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
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=0, max=65535, help="Where the HTTP API listens; 0: any free port.", show_default="8080"
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

    host(loaded, "all", on_ready, time=time, beside=_api(loaded, port))


def _api(loaded: Settings, port: int | None) -> "Beside | None":
    """The HTTP API; without it, told, when nobody chose the port and it is taken."""
    from octyseg.api.server import listen
    from octyseg.cli.api import beside

    own = loaded.server
    try:
        opened = listen(own.host, own.port if port is None else port)
    except UsageError as error:
        if port is not None or "server.port" in loaded.model_fields_set:
            raise
        tell(f"octyseg: {error}; the rest runs", "yellow")
        return None
    return beside(loaded, opened)
