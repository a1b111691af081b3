"""`octyseg projection`: hold Redis against the log, and make it again from the log."""

from typing import TYPE_CHECKING

import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.session import begin, bring_up, open_log, open_projection, run
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.stages.comparison import Comparison

group = typer.Typer(no_args_is_help=True, help="Check and rebuild what Redis holds.")

SHOWN_IDS = 10


@group.command("check")
def check(output: Form = "table") -> None:
    """Compare Redis with the log, profile by profile. Exit code 0: equal, 1: it differs."""
    comparisons, strays, expected, found = run(_check(begin()))
    differing = [profile_id for one in comparisons for profile_id in one.differing]
    if output == "json":
        partitions = [one._asdict() for one in comparisons]
        print_json({"partitions": partitions, "strays": strays, "digest_log": expected, "digest_redis": found})
    else:
        print_table(
            ("PARTITION", "PROFILES", "BEHIND", "DIFFERING"),
            [(one.partition, one.profiles, one.behind, len(one.differing)) for one in comparisons],
        )
        typer.echo(f"\ndigest of the log    {expected}\ndigest of redis      {found}")
    if differing or strays:
        shown = ", ".join(differing[:SHOWN_IDS]) + (", ..." if len(differing) > SHOWN_IDS else "")
        tell(f"{len(differing)} profiles differ, {strays} memberships have no tag: {shown}")
        tell("`octyseg projection rebuild` mends them")
        raise typer.Exit(1)


@group.command("rebuild")
def rebuild(output: Form = "table") -> None:
    """Make all of it again from the log, in place: readers never see an empty set."""
    rebuilt = run(_rebuild(begin()))
    if output == "json":
        print_json([{"partition": partition, "offset": offset} for partition, offset in rebuilt])
    else:
        print_table(("PARTITION", "UP TO OFFSET"), rebuilt)


async def _check(loaded: Settings) -> "tuple[list[Comparison], int, str, str]":
    from octyseg.projection.content import Digest
    from octyseg.stages.comparison import compare

    async with open_log(loaded, writes=False) as log, open_projection(loaded, log) as projection:
        await bring_up(projection, loaded)
        digest = Digest()
        comparisons = [await compare(projection, number, digest) for number in range(projection.reader.partitions)]
        strays = sum([len(batch) async for batch in projection.reader.strays()])
        return comparisons, strays, digest.hexadecimal(), await projection.reader.digest()


async def _rebuild(loaded: Settings) -> list[tuple[int, int]]:
    from octyseg.projection.writer import Repair
    from octyseg.stages.repair import expel_strays, rebuild

    async with open_log(loaded, writes=False) as log, open_projection(loaded, log) as projection:
        await projection.writer.refuse_unfit()
        rebuilt = []
        for partition in range(projection.reader.partitions):
            reached = await rebuild(projection, partition, Repair.REBUILD, "asked for")
            rebuilt.append((partition, reached.offset))
        await expel_strays(projection)
        return rebuilt
