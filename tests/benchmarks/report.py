"""What was measured, as a table for people and as JSON for machines.

A row's figure is the median of its rounds. A ratio is the median of the ratios within each round, because
two rows of one round had the same machine; by processor time it tells less of who else worked there.
"""

import os
import platform
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from tests.benchmarks.measured import Measured
from tests.benchmarks.table import ROWS

Rounds = Mapping[str, Sequence[Measured]]
Rate = Callable[[Measured], float]

# name: (row, row that it is measured against, what is aimed at)
_RATIOS = {
    "b_over_a": ("b", "a", "at least 0.7 is aimed at"),
    "b_over_c": ("b", "c", "at least 40 is aimed at"),
    "b_over_flink": ("b", "j", "at least 1 by processor time is aimed at"),
    "runner_over_a": ("b'", "a", ""),
    "lazy_over_a": ("a2", "a", ""),
    "two_workers_over_one": ("f", "b", ""),
}


def summary(rounds: Rounds) -> dict[str, Any]:
    """Everything, ready for JSON."""
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()},
        "rows": {row.key: _row(row.title, rounds[row.key]) for row in ROWS if row.key in rounds},
        "ratios": _ratios(rounds, lambda one: one.events_per_s),
        "ratios_per_cpu_s": _ratios(rounds, lambda one: one.events_per_cpu_s),
    }


def show(found: Mapping[str, Any], console: Console) -> None:
    """The table."""
    table = Table(title="octyseg, events a second")
    for name, side in (("row", "left"), ("", "left"), ("events/s", "right"), ("best", "right"), ("events", "right")):
        table.add_column(name, justify=side)  # type: ignore[arg-type] # two of rich's words
    table.add_column("cpu s", justify="right")
    table.add_column("events/cpu s", justify="right")
    for key, row in found["rows"].items():
        table.add_row(
            key,
            row["title"],
            f"{row['events_per_s']:,}",
            f"{row['best_events_per_s']:,}",
            f"{row['events']:,}",
            f"{row['cpu_s']:.2f}",
            f"{row['events_per_cpu_s']:,}",
        )
    console.print(table)
    for key, row in found["rows"].items():
        if row["more"]:
            console.print(f"{key}: {row['more']}")
    for name, ratio in found["ratios"].items():
        aim = _RATIOS[name][2]
        told = f"{name}: {ratio:.2f}, by processor time {found['ratios_per_cpu_s'][name]:.2f}"
        console.print(told + (f" ({aim})" if aim else ""))


def write(found: Mapping[str, Any], path: Path) -> None:
    """The same as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")


def _row(title: str, rounds: Sequence[Measured]) -> dict[str, Any]:
    middle = sorted(rounds, key=lambda one: one.events_per_s)[len(rounds) // 2]
    return {
        "title": title,
        "events": middle.events,
        "seconds": round(middle.seconds, 3),
        "events_per_s": round(middle.events_per_s),
        "best_events_per_s": round(max(one.events_per_s for one in rounds)),
        "cpu_s": round(middle.cpu_s, 3),
        "events_per_cpu_s": round(middle.events_per_cpu_s),
        "rounds": len(rounds),
        "more": middle.more,
    }


def _ratios(rounds: Rounds, rate: Rate) -> dict[str, float]:
    found = {
        name: _ratio(rounds.get(upper, ()), rounds.get(lower, ()), rate) for name, (upper, lower, _) in _RATIOS.items()
    }
    return {name: ratio for name, ratio in found.items() if ratio is not None}


def _ratio(upper: Sequence[Measured], lower: Sequence[Measured], rate: Rate) -> float | None:
    """A row that was run once is compared with the median of the other's rounds."""
    if not upper or not lower:
        return None
    if len(upper) != len(lower):
        return round(median(map(rate, upper)) / median(map(rate, lower)), 3)
    return round(median(rate(one) / rate(other) for one, other in zip(upper, lower, strict=True)), 3)
