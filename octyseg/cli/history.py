"""`octyseg history`: what the archive has."""

import typer

from octyseg.cli.options import Form
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.session import begin

group = typer.Typer(no_args_is_help=True, help="Look at the archive of what happened.")


@group.command("describe")
def describe(output: Form = "table") -> None:
    """Each partition's events, files and days, and the offset of `events` up to which everything is there."""
    from octyseg.history.archive import Archive, partitions_in

    directory = begin().history_directory
    found = [Archive(directory, partition).describe() for partition in partitions_in(directory)]
    if output == "json":
        print_json({"directory": str(directory), "partitions": found})
        return
    columns = ("partition", "reached", "events", "files", "bytes", "first_day", "last_day")
    print_table([name.upper() for name in columns], [[one[name] for name in columns] for one in found])
    tell(str(directory) if found else f"no history in {directory} yet: `octyseg dev` or a past worker keeps it")


@group.command("files")
def files(output: Form = "table") -> None:
    """The Parquet files that hold every event once, a line each; without those that were put into another."""
    from octyseg.history.archive import Archive, partitions_in

    directory = begin().history_directory
    archives = [Archive(directory, partition) for partition in partitions_in(directory)]
    paths = [str(path) for archive in archives for path in archive.files(archive.reached())]
    if output == "json":
        print_json(paths)
        return
    for path in paths:
        tell(path, to_stdout=True)
