"""Events that a verb reads from a file or from stdin: their count on a terminal, and what was refused."""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from octyseg.cli.output import tell, warn
from octyseg.model.refusal import Refusal

SHOWN_REFUSALS = 20
_LINES_BETWEEN_UPDATES = 1_000

Events = Annotated[str, typer.Argument(help="JSON lines, plain or gzipped; - reads stdin.", show_default=False)]


class EventsFile:
    """The lines of the events file, counted, and which of them were refused."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._refused: Counter[str] = Counter()
        self._place = ""

    def lines(self) -> Iterator[bytes]:
        """The records, with a count on a terminal."""
        from octyseg.traffic.reading import read_lines

        columns = (SpinnerColumn(), TextColumn("{task.completed:,} events read"), TimeElapsedColumn())
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
