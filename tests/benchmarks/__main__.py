"""Measure: `python -m tests.benchmarks [--rows a,b,c] [--events 1000000] [--rounds 3] [--output FILE]`.

Rows of one round run in turn on a real Kafka broker started for the run. Without Java only the rows that
need no broker are run, and it says so.
"""

import argparse
import asyncio
import itertools
import secrets
import shutil
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

from rich.console import Console

from deploy.kafka.broker import Broker
from deploy.kafka.jars import missing_tools
from octyseg import logs
from octyseg.settings import Settings
from tests.benchmarks import loading, report
from tests.benchmarks.measured import Measured
from tests.benchmarks.processes import measure_row, measure_workers
from tests.benchmarks.table import KEYS, ROWS, Row

PARTITIONS = 8
OUTPUT = Path("build/bench/live.json")


class Bench:
    """The rows of one run, against one broker or none."""

    def __init__(self, url: str | None, events: int, console: Console) -> None:
        self._url = url
        self._events = events
        self._console = console
        # Another bench may work on the same broker, or have left topics there that are still going.
        self._name = f"bench-{secrets.token_hex(3)}"
        self._numbers = itertools.count()
        self._read: Settings | None = None
        self.rounds: defaultdict[str, list[Measured]] = defaultdict(list)

    def measure(self, row: Row) -> None:
        """One round of one row."""
        events = min(self._events, row.most_events)
        settings = self._prepared(row, events)
        if row.module is None:
            measured = measure_workers(row.workers, settings, events)
        else:
            measured = measure_row(row.module, settings, events)
        self.rounds[row.key].append(measured)
        told = f"{measured.events_per_s:,.0f} events/s, {measured.cpu_s:.2f} cpu s"
        self._console.print(f"[bold]{row.key}[/bold] {row.title}: {told} {measured.more or ''}")
        if row.needs in {"own", "states"}:
            asyncio.run(loading.remove(settings))

    def _prepared(self, row: Row, events: int) -> Settings:
        """The settings under which the row finds what it needs."""
        if row.needs == "nothing":
            return Settings()
        if row.needs == "events" and self._read is not None:
            return self._read
        assert self._url is not None, "the row was left out without a broker"
        settings = Settings(log=self._url, namespace=f"{self._name}-{next(self._numbers)}.", partitions=PARTITIONS)
        load = loading.load_states if row.needs == "states" else loading.load_events
        asyncio.run(load(settings, events))
        if row.needs == "events":
            self._read = settings
        return settings


def main() -> int:
    """Run what was asked for; 1 when rows had to be left out."""
    options = _options()
    logs.configure("warning", "pretty")
    console = Console()
    rows = [row for row in ROWS if row.key in options.rows]
    missing = missing_tools() if any(row.needs != "nothing" for row in rows) else []
    if missing:
        left_out = ", ".join(row.key for row in rows if row.needs != "nothing")
        console.print(
            f"[bold red]NO {' AND NO '.join(missing).upper()} HERE: ROWS {left_out} ARE NOT MEASURED[/bold red]"
        )
        rows = [row for row in rows if row.needs == "nothing"]
    elif shutil.which("javac") is None and any(row.module == "flink" for row in rows):
        missing = ["javac"]
        console.print("[bold red]NO JAVAC HERE, ONLY A JRE: ROW j IS NOT MEASURED[/bold red]")
        rows = [row for row in rows if row.module != "flink"]
    with tempfile.TemporaryDirectory(prefix="octyseg-bench-") as scratch:
        broker = None
        if any(row.needs != "nothing" for row in rows):
            broker = Broker(Path(scratch) / "kafka")
            broker.start()
        try:
            bench = Bench(broker.url if broker else None, options.events, console)
            for number in range(options.rounds):
                for row in rows:
                    if number == 0 or row.repeats:
                        bench.measure(row)
        finally:
            if broker:
                broker.stop()
    found = report.summary(bench.rounds)
    report.show(found, console)
    report.write(found, options.output)
    console.print(f"written to {options.output}")
    return 1 if missing else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--rows", type=_keys, default=KEYS, help=f"of {','.join(KEYS)}; default: all")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3, help="of the rows that are compared")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser.parse_args()


def _keys(text: str) -> tuple[str, ...]:
    keys = tuple(text.split(","))
    unknown = [key for key in keys if key not in KEYS]
    if unknown:
        msg = f"there is no row {', '.join(unknown)}: choose from {', '.join(KEYS)}"
        raise argparse.ArgumentTypeError(msg)
    return keys


if __name__ == "__main__":
    sys.exit(main())
