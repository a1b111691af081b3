"""`octyseg replay`: past events through the engine, without a log: what would the live stage have said?"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from octyseg.cli.options import File, Form
from octyseg.cli.output import print_table, tell, warn
from octyseg.cli.session import begin, definitions_in
from octyseg.model.change import TagChange, rfc3339, to_json
from octyseg.model.refusal import Refusal

SHOWN_REFUSALS = 20
_LINES_BETWEEN_UPDATES = 1_000


def replay(
    events: Annotated[str, typer.Argument(help="JSON lines, plain or gzipped; - reads stdin.", show_default=False)],
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
    from octyseg.model.compile import compile_definitions

    loaded = begin()
    definitions = definitions_in(file, loaded)
    warn(definitions.warnings)
    rules = Rules(grace_ms, loaded.correction_horizon_ms, loaded.live_max_age_ms, loaded.future_ms, forgets=False)
    source = _Source(events)
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


class _Source:
    """The lines of the events file, counted, and which of them were refused."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._refused: Counter[str] = Counter()
        self._place = ""

    def lines(self) -> Iterator[bytes]:
        """The records, with a count on a terminal."""
        from octyseg.traffic.reading import read_lines

        columns = (SpinnerColumn(), TextColumn("{task.completed:,} events replayed"), TimeElapsedColumn())
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("", total=None)
            for count, line in enumerate(read_lines(self._source), 1):
                self._place = line.place
                if count % _LINES_BETWEEN_UPDATES == 0:
                    progress.update(task, completed=count)
                yield line.data

    def refuse(self, _number: int, refusal: Refusal) -> None:
        """Say why the line in hand was refused; after the first few, only count."""
        self._refused[refusal.reason] += 1
        if self._refused.total() <= SHOWN_REFUSALS:
            warn([f"{self._place}: {refusal.reason}: {refusal.message}"])

    def tell_refused(self) -> None:
        """How many were refused, by reason."""
        if self._refused:
            reasons = ", ".join(f"{reason} {count}" for reason, count in self._refused.most_common())
            tell(f"{self._refused.total():,} records were refused and had no effect: {reasons}")
