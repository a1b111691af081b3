"""`octyseg evaluate`: who is in which past or dynamic segment, by a file of events, without a log."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from octyseg.cli.events_file import Events, EventsFile
from octyseg.cli.options import File, Form, instant_ms
from octyseg.cli.output import print_json_line, print_table, tell, warn
from octyseg.cli.session import begin, definitions_in

_PARQUET = b"PAR1"


def evaluate(
    events: Events,
    file: File,
    as_of: Annotated[
        str, typer.Option("--as-of", help="The instant: RFC 3339 or epoch milliseconds.", show_default=False)
    ],
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="duckdb, clickhouse(://host:port/) or spark(://host:port); otherwise the setting history.engine.",
        ),
    ] = None,
    output: Form = "table",
) -> None:
    """Say who is in the past and dynamic segments of a file, by events of JSON lines or of a Parquet file of history.

    One line for each member, by segment and profile. Live segments are `octyseg replay`'s.
    """
    from octyseg.history.evaluate import asked_in
    from octyseg.history.evaluate import evaluate as members_of
    from octyseg.history.source import of_files, of_lines

    loaded = begin()
    as_of_ms = instant_ms(as_of)
    definitions = definitions_in(file, loaded)
    warn(definitions.warnings)
    left_out = [one.segment_name for one in definitions.segments if one.segment_type in ("live", "static")]
    if left_out:
        tell(f"left out, for history does not decide them: {', '.join(left_out)}")
    source = EventsFile(events)
    history = of_files([Path(events)]) if _is_parquet(events) else of_lines(source.lines(), as_of_ms, source.refuse)
    members = members_of(asked_in(definitions.segments), history, as_of_ms, engine or loaded.history.engine)
    found = [(profile_id, name) for name, ids in members.items() for profile_id in ids]
    if output == "json":
        for profile_id, name in found:
            print_json_line({"profile_id": profile_id, "segment_tag": name})
        sys.stdout.flush()
    else:
        print_table(("PROFILE", "SEGMENT"), found)
    source.tell_refused()


def _is_parquet(source: str) -> bool:
    try:
        with Path(source).open("rb") as file:
            return file.read(len(_PARQUET)) == _PARQUET
    except OSError:
        return False  # stdin, or what the reader will complain of
