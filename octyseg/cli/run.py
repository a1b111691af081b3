"""`octyseg run`: have the batch agent look at a past segment now."""

import asyncio
import sys
import time
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octyseg.cli.options import Form, instant_ms
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.session import begin, open_log, read_registry
from octyseg.cli.session import run as run_work
from octyseg.errors import OctysegError, UsageError
from octyseg.model.change import rfc3339
from octyseg.model.ledger import Run
from octyseg.model.run import Demand, run_id_of
from octyseg.settings import Settings
from octyseg.stages.runs import LedgerFollower
from octyseg.stages.scheduling import TYPES

_LOOK_EVERY_S = 0.2


def run_segment(
    name: Annotated[str, typer.Argument(help="A past segment, by name or id.", show_default=False)],
    as_of: Annotated[
        str | None, typer.Option("--as-of", help="The instant: RFC 3339 or epoch milliseconds; otherwise now.")
    ] = None,
    *,
    wait: Annotated[bool, typer.Option("--wait", help="Until it has ended; exit code 1 when it failed.")] = False,
    output: Form = "table",
) -> None:
    """Look at a past segment now: who is found becomes a member, who is found no more is one no longer."""
    ended, text = run_work(_run(begin(), name, None if as_of is None else instant_ms(as_of), wait=wait))
    if output == "json":
        print_json(shown(ended, text))
    else:
        print_table([key.upper() for key in shown(ended, text)], [list(shown(ended, text).values())])
    if wait and ended.status == "failed":
        tell(f"octyseg: the run failed: {ended.error or 'the definition was changed meanwhile'}", "red")
        sys.exit(1)
    if not wait:
        tell("the run was asked for: `octyseg get runs` says what becomes of it")


def shown(one: Run, segment: str) -> dict[str, Any]:
    """A run as verbs print it."""
    return {
        "run_id": one.run_id,
        "segment": segment,
        "trigger": one.trigger,
        "status": "waiting" if one.waits else one.status,
        "as_of": None if one.as_of_ms is None else rfc3339(one.as_of_ms),
        "slices": f"{len(one.reports)}/{one.slices}",
        "members": one.total("members"),
        "added": one.total("added"),
        "removed": one.total("removed"),
        "error": one.error,
    }


async def _run(loaded: Settings, name: str, as_of_ms: int | None, *, wait: bool) -> tuple[Run, str]:
    async with open_log(loaded, writes=True) as log:
        registry = await read_registry(log, loaded)
        stored = registry.segment(name)
        if stored is None or stored.deleted_at_ms is not None:
            msg = f'there is no segment "{name}": `octyseg get segments` lists them'
            raise UsageError(msg)
        kind = stored.definition.segment_type
        if kind not in TYPES:
            msg = f'"{name}" is {kind}: only past segments have runs, a live one is decided as events come'
            raise UsageError(msg)
        follower = LedgerFollower(log, loaded.topic("runs"))
        await follower.start()
        try:
            run_id = run_id_of(stored.segment_id, "demanded", time.time_ns())
            await follower.write([Demand(run_id, stored.segment_id, stored.version, "demanded", as_of_ms)])
            await follower.catch_up()
            if wait:
                await _until_ended(follower, run_id)
            found = follower.ledger.run(run_id)
        finally:
            await follower.close()
    if found is None:
        msg = f"run {run_id} is not on the log: run it again"
        raise OctysegError(msg)
    return found, stored.definition.segment_name


async def _until_ended(follower: LedgerFollower, run_id: str) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("slices", total=follower.ledger.slices)
        while (found := follower.ledger.run(run_id)) is not None and found.ended_ms is None:
            progress.update(task, completed=len(found.reports), description="waiting" if found.waits else "building")
            await asyncio.sleep(_LOOK_EVERY_S)
            await follower.catch_up()
