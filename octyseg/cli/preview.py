"""`octyseg preview`: what segments would do, by what is archived, before anybody applies them."""

from pathlib import Path
from typing import Annotated, Any

import typer

from octyseg.cli.options import File, Form
from octyseg.cli.output import print_json, print_table, tell, warn
from octyseg.cli.plan import read
from octyseg.cli.remote import Api
from octyseg.cli.session import begin, definitions_in
from octyseg.settings import Settings


def preview(
    file: File,
    days: Annotated[int, typer.Option("--days", min=1, max=400, help="Webhooks are counted over so many days.")] = 7,
    output: Form = "table",
) -> None:
    """Say how many profiles are in each segment of a file now, some of them, and how many webhooks a day it sends."""
    loaded = begin()
    if loaded.api is not None:
        data, _ = read(file)
        with Api(loaded) as api:
            found: list[dict[str, Any]] = api.send("/v2/segments/preview", data, "application/yaml", days=days)
    else:
        found = _here(loaded, file, days)
    if output == "json":
        print_json(found)
        return
    columns = ("segment", "segment_type", "members", "webhooks_a_day")
    rows = [(*(one[name] for name in columns), ", ".join(one["sample"])) for one in found]
    print_table(("SEGMENT", "TYPE", "MEMBERS NOW", "WEBHOOKS A DAY", "FOR EXAMPLE"), rows)


def _here(loaded: Settings, file: Path, days: int) -> list[dict[str, Any]]:
    from octyseg.history.archive import partitions_in
    from octyseg.service.previews import preview_of

    definitions = definitions_in(file, loaded)
    warn(definitions.warnings)
    directory = loaded.history_directory
    if not partitions_in(directory):
        tell(f"no history in {directory} yet: `octyseg dev` or a past worker keeps it")
    return preview_of(definitions, loaded, days)
