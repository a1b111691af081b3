"""`octyseg lag`: how far the stages are behind, and whether they move."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Annotated, get_args

import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table
from octyseg.cli.session import begin, open_log, run
from octyseg.settings import Settings
from octyseg.stages.port import StageName

if TYPE_CHECKING:
    from octyseg.service.lag import Standing

# Somebody has to look after these.
_BAD = {"STOP", "REWIND"}


def lag(
    stage: Annotated[StageName | None, typer.Option("--stage", help="Only this one.", show_default="all")] = None,
    for_s: Annotated[float, typer.Option("--for", min=0.5, max=3600, help="Seconds to look at them.")] = 5.0,
    *,
    partitions: Annotated[bool, typer.Option("--partitions", help="A line for each partition.")] = False,
    output: Form = "table",
) -> None:
    """How far each stage is behind the log. Exit code 1 when one stands still before records, or goes back."""
    found = run(_look(begin(), get_args(StageName) if stage is None else (stage,), for_s))
    if output == "json":
        print_json([standing._asdict() for standing in found])
    elif partitions:
        print_table(("STAGE", "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "RECORDS/S", "STATUS"), found)
    else:
        print_table(("STAGE", "TOPIC", "PARTITIONS", "LAG", "MOST", "RECORDS/S", "STATUS"), _by_topic(found))
    if any(standing.status in _BAD for standing in found):
        raise typer.Exit(1)


async def _look(loaded: Settings, stages: Sequence[StageName], for_s: float) -> "list[Standing]":
    from octyseg.service.lag import standings

    async with open_log(loaded, writes=False) as log:
        return await standings(log, loaded, stages, for_s)


def _by_topic(found: "Sequence[Standing]") -> Iterator[tuple[object, ...]]:
    """One line for each stage and topic: its sums, its largest lag, and the worst of its statuses."""
    from octyseg.service.lag import STATUSES

    for (stage, topic), group in groupby(found, key=lambda one: (one.stage, one.topic)):
        each = list(group)
        pace = sum(one.records_per_s for one in each)
        lags = [one.lag for one in each]
        worst = max((one.status for one in each), key=STATUSES.index)
        yield stage, topic, len(each), sum(lags), max(lags), f"{pace:g}", worst
