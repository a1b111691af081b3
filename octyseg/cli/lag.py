"""`octyseg lag`: how far the stages are behind, and whether they move."""

from typing import Annotated

import typer

from octyseg.cli.asking import ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table
from octyseg.cli.session import begin
from octyseg.stages.port import StageName

# Somebody has to look after these.
_BAD = {"STOP", "REWIND"}


def lag(
    stage: Annotated[StageName | None, typer.Option("--stage", help="Only this one.", show_default="all")] = None,
    for_s: Annotated[
        float, typer.Option("--for", min=0.5, max=3600, help="Seconds to look at them; over HTTP 5 at most.")
    ] = 5.0,
    *,
    partitions: Annotated[bool, typer.Option("--partitions", help="A line for each partition.")] = False,
    output: Form = "table",
) -> None:
    """How far each stage is behind the log. Exit code 1 when one stands still before records, or goes back."""
    from octyseg.service.lag import STAGES, Standing, standings, totals

    found = ask(
        begin(),
        lambda api: [Standing(**one) for one in api.get("/v2/lag", for_s=for_s) if stage in {None, one["stage"]}],
        lambda access: standings(access.log, access.settings, STAGES if stage is None else (stage,), for_s),
    )
    if output == "json":
        print_json([standing._asdict() for standing in found])
    elif partitions:
        print_table(("STAGE", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "RECORDS/S", "STATUS"), found)
    else:
        rows = [(*amounts, f"{pace:g}", status) for *amounts, pace, status in totals(found)]
        print_table(("STAGE", "TOPIC", "PARTITIONS", "LAG", "MOST", "RECORDS/S", "STATUS"), rows)
    if any(standing.status in _BAD for standing in found):
        raise typer.Exit(1)
