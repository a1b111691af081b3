"""`octyseg replay`: past events through the engine, without a log: what would the live stage have said?"""

import sys
from typing import Annotated

import typer

from octyseg.cli.events_file import Events, EventsFile
from octyseg.cli.options import File, Form
from octyseg.cli.output import print_table, warn
from octyseg.cli.session import begin, definitions_in
from octyseg.model.change import TagChange, rfc3339, to_json


def replay(
    events: Events,
    file: File,
    grace_ms: Annotated[
        int, typer.Option("--grace-ms", min=0, help="How long after its deadline an inaction waits for late events.")
    ] = 0,
    drain: Annotated[
        bool, typer.Option("--drain", help="At the end, move the clock on until no deadline is open.")
    ] = False,
    output: Form = "table",
) -> None:
    """Replay events: the clock is their own time, in file order. Prints every tag change, in order."""
    from octyseg.engine.catalog import Catalog
    from octyseg.engine.rules import Rules
    from octyseg.hosting.replay import replay as replayed
    from octyseg.model.definitions.compile import compile_definitions

    loaded = begin()
    definitions = definitions_in(file, loaded)
    warn(definitions.warnings)
    rules = Rules(grace_ms, loaded.correction_horizon_ms, loaded.live_max_age_ms, loaded.future_ms, forgets=False)
    source = EventsFile(events)
    changes = replayed(
        source.lines(),
        Catalog(compile_definitions(definitions.segments)),
        rules,
        drain=drain,
        on_refusal=source.refuse,
    )
    if output == "json":
        out = sys.stdout.buffer
        for change in changes:
            out.write(to_json(change) + b"\n")
        out.flush()
    else:
        print_table(("occurred at", "profile", "segment", "change", "reason", "cause"), map(_row, changes))
    source.tell_refused()


def _row(change: TagChange) -> tuple[object, ...]:
    occurred_at = rfc3339(change.occurred_at_ms)
    return occurred_at, change.profile_id, change.segment_tag, change.kind, change.reason, ", ".join(change.cause)
