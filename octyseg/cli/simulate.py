"""`octyseg simulate`: made-up traffic, as JSON lines or straight to the log."""

import sys
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal

import typer

from octyseg.cli.produce import send, tell_sent
from octyseg.cli.session import begin, run
from octyseg.errors import UsageError

# Printed traffic is the same whenever it is printed, so that a file or a test can be made again.
START = "2026-01-01T00:00:00Z"


def simulate(
    *,
    profiles: Annotated[int, typer.Option("--profiles", min=1, help="How many profiles there are.")] = 1_000,
    events: Annotated[int, typer.Option("--events", min=0, help="How many events to make.")] = 10_000,
    rate: Annotated[float, typer.Option("--rate", min=0.001, help="Events a second, in their own time.")] = 50.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed makes the same traffic.")] = 1,
    pattern: Annotated[Literal["store", "uniform"], typer.Option("--pattern", help="What people do.")] = "store",
    start: Annotated[
        str | None, typer.Option("--start", help=f"RFC 3339, the first instant; {START}, or now with --to-log.")
    ] = None,
    to_log: Annotated[bool, typer.Option("--to-log", help="Send the events as they happen, at --rate.")] = False,
) -> None:
    """Make up traffic of a shop (or of nobody in particular: uniform)."""
    from octyseg.traffic.patterns import simulate as made_up

    start_ms = time.time_ns() // 1_000_000 if to_log and start is None else _epoch_ms(start or START)
    lines = (event.line for event in made_up(profiles, events, rate, seed, start_ms, pattern=pattern))
    if to_log:
        tell_sent(run(send(begin(), lines, rate)))
    else:
        _print(lines)


def _print(lines: Iterator[bytes]) -> None:
    out = sys.stdout.buffer
    for line in lines:
        out.write(line + b"\n")
    out.flush()


def _epoch_ms(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        msg = f"--start {text} is no instant: write it like {START}"
        raise UsageError(msg)
    return round(instant.timestamp() * 1000)
