"""Measure: `python -m tests.benchmarks.latency [--places embedded,kafka-8,kafka-64] [--seconds 30] [--pause-s 60]`.

Without Java only the embedded log is measured, and it says so.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path
from typing import Any

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from deploy.kafka.broker import Broker
from deploy.kafka.jars import missing_tools
from octyseg import logs
from octyseg.settings import Settings
from tests.benchmarks.latency import actions, inactions, scene

PLACES = {"embedded": 8, "kafka-8": 8, "kafka-64": 64}
OUTPUT = Path("build/bench/latency.json")
INACTIONS_PER_S = 100


async def measure(settings: Settings, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """All figures of one place."""
    async with scene.opened(settings) as here:
        found = {
            "actions, all match": await actions.measure(here, options.rate, options.seconds),
            "actions, a fifth": await actions.measure(here, options.rate, options.seconds, every=5),
        }
        found["inactions"] = await inactions.measure(here, INACTIONS_PER_S, options.seconds)
        if options.pause_s:
            found["inactions after a pause"] = await inactions.measure_return(here, INACTIONS_PER_S, options.pause_s)
    return found


def main() -> int:
    """Measure every place that was asked for; 1 when some had to be left out."""
    options = _options()
    logs.configure("error", "pretty")
    console = Console()
    places = options.places
    missing = missing_tools() if any(place != "embedded" for place in places) else []
    if missing:
        console.print(f"[bold red]NO {' AND NO '.join(missing).upper()} HERE: KAFKA IS NOT MEASURED[/bold red]")
        places = [place for place in places if place == "embedded"]
    found: dict[str, dict[str, dict[str, Any]]] = {}
    with tempfile.TemporaryDirectory(prefix="octyseg-latency-") as scratch:
        for place in places:
            directory = Path(scratch) / place
            directory.mkdir()
            found[place] = _measure_at(place, directory, options)
            for name, figures in found[place].items():
                console.print(f"{place}: {name}: {figures}")
    console.print(_table(found))
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    console.print(f"written to {options.output}")
    return 1 if missing else 0


def _measure_at(place: str, directory: Path, options: argparse.Namespace) -> dict[str, dict[str, Any]]:
    partitions = PLACES[place]
    if place == "embedded":
        settings = Settings(log=f"embedded://{directory / 'log.db'}", partitions=partitions)
        return asyncio.run(measure(settings, options))
    broker = Broker(directory / "kafka")
    broker.start()
    try:
        return asyncio.run(measure(Settings(log=broker.url, partitions=partitions), options))
    finally:
        broker.stop()


def _table(found: dict[str, dict[str, dict[str, Any]]]) -> Table:
    # Narrow enough for the 80 columns of a pipe.
    table = Table(title="from the log to the tags topic, ms", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    names = ("count", "min_ms", "p50_ms", "p99_ms", "max_ms", "early", "false")
    for name in ("place", "what", *names):
        table.add_column(name.removesuffix("_ms"), justify="left" if name in {"place", "what"} else "right")
    for place, measured in found.items():
        for what, figures in measured.items():
            table.add_row(place, what, *(str(figures.get(name, "")) for name in names))
    return table


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latency", description=__doc__)
    parser.add_argument("--places", type=_places, default=list(PLACES), help=f"of {','.join(PLACES)}; default: all")
    parser.add_argument("--rate", type=int, default=1_000, help="events a second")
    parser.add_argument("--seconds", type=float, default=30.0, help="of each measurement")
    parser.add_argument("--pause-s", type=float, default=60.0, help="how long the worker is stopped; 0: not at all")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    return parser.parse_args()


def _places(text: str) -> list[str]:
    unknown = [place for place in text.split(",") if place not in PLACES]
    if unknown:
        msg = f"there is no place {', '.join(unknown)}: choose from {', '.join(PLACES)}"
        raise argparse.ArgumentTypeError(msg)
    return text.split(",")


if __name__ == "__main__":
    sys.exit(main())
