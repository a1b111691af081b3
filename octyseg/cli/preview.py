"""`octyseg preview`: what segments would do, by what is archived, before anybody applies them."""

import time
from typing import Annotated

import typer

from octyseg.cli.options import File, Form
from octyseg.cli.output import print_json, print_table, tell, warn
from octyseg.cli.session import begin, definitions_in


def preview(
    file: File,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="Webhooks are counted over so many days.")] = 7,
    output: Form = "table",
) -> None:
    """Say how many profiles are in each segment of a file now, some of them, and how many webhooks a day it sends."""
    from octyseg.history.archive import partitions_in
    from octyseg.hosting.assembly import rules_of
    from octyseg.hosting.preview import Past
    from octyseg.hosting.preview import preview as previewed

    loaded = begin()
    definitions = definitions_in(file, loaded)
    warn(definitions.warnings)
    directory = loaded.history_directory
    if not partitions_in(directory):
        tell(f"no history in {directory} yet: `octyseg dev` or a past worker keeps it")
    past = Past(directory, time.time_ns() // 1_000_000, days, loaded.history.engine, rules_of(loaded))
    found = previewed(definitions.segments, past)
    if output == "json":
        print_json([one._asdict() for one in found])
        return
    rows = [(one.segment, one.segment_type, one.members, one.webhooks_a_day, ", ".join(one.sample)) for one in found]
    print_table(("SEGMENT", "TYPE", "MEMBERS NOW", "WEBHOOKS A DAY", "FOR EXAMPLE"), rows)
