"""`octyseg topics`: make the topics there are to be, and look at those there are."""

import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table
from octyseg.cli.session import begin, open_log, run
from octyseg.log.port import TopicSpec
from octyseg.settings import Settings

DAY_MS = 24 * 60 * 60 * 1000

group = typer.Typer(no_args_is_help=True, help="Make topics, look at topics.")


@group.command("create")
def create(output: Form = "table") -> None:
    """Make the topics that are missing, and show all. Those there are stay as they are."""
    _show(run(_describe(begin(), writes=True)), output)


@group.command("describe")
def describe(output: Form = "table") -> None:
    """The topics of the namespace: partitions, policy, how many records they hold."""
    _show(run(_describe(begin(), writes=False)), output)


def _show(described: list[tuple[TopicSpec, int]], output: str) -> None:
    if output == "json":
        print_json([spec._asdict() | {"records": records} for spec, records in described])
    else:
        rows = [(spec.name, spec.partitions, _policy(spec), records) for spec, records in described]
        print_table(("TOPIC", "PARTITIONS", "POLICY", "RECORDS"), rows)


async def _describe(loaded: Settings, *, writes: bool) -> list[tuple[TopicSpec, int]]:
    async with open_log(loaded, writes=writes) as log:
        described = []
        for spec in await log.describe_topics():
            if spec.name.startswith(loaded.namespace):
                numbers = range(spec.partitions)
                starts, ends = await log.starts(spec.name, numbers), await log.ends(spec.name, numbers)
                described.append((spec, sum(ends.values()) - sum(starts.values())))
        return described


def _policy(spec: TopicSpec) -> str:
    return "compact" if spec.compacted else f"delete after {spec.retention_ms / DAY_MS:g} d"
