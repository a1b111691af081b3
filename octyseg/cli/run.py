"""`octyseg run`: have the batch agent look at a past segment now."""

import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from octyseg.cli.asking import ask
from octyseg.cli.options import Form, instant_ms
from octyseg.cli.output import print_json, print_table, tell
from octyseg.cli.remote import Api, part
from octyseg.cli.session import begin
from octyseg.model.change import rfc3339

if TYPE_CHECKING:
    from octyseg.service.access import Access

COLUMNS = ("run_id", "segment", "trigger", "status", "as_of", "slices", "members", "added", "removed", "error")
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
    from octyseg.service import runs

    at_ms = None if as_of is None else instant_ms(as_of)
    body = {} if at_ms is None else {"as_of": rfc3339(at_ms)}

    def over_http(api: Api) -> dict[str, Any]:
        found: dict[str, Any] = api.post(f"/v2/segments/{part(name)}/runs", body)
        return _ended(api, found) if wait else found

    async def here(access: "Access") -> dict[str, Any]:
        found = await runs.demand(access, name, at_ms)
        with _progress() as show:
            while wait and found["ended_at"] is None:
                show(found)
                await asyncio.sleep(_LOOK_EVERY_S)
                found = await runs.run(access, found["run_id"])
        return found

    ended = ask(begin(), over_http, here, writes=True)
    shown = {column: ended[column] for column in COLUMNS}
    if output == "json":
        print_json(shown)
    else:
        print_table([column.upper() for column in COLUMNS], [list(shown.values())])
    if wait and ended["status"] == "failed":
        tell(f"octyseg: the run failed: {ended['error'] or 'the definition was changed meanwhile'}", "red")
        sys.exit(1)
    if not wait:
        tell("the run was asked for: `octyseg get runs` says what becomes of it")


def _ended(api: Api, found: dict[str, Any]) -> dict[str, Any]:
    with _progress() as show:
        while found["ended_at"] is None:
            show(found)
            time.sleep(_LOOK_EVERY_S)
            found = api.get(f"/v2/runs/{found['run_id']}")
    return found


@contextmanager
def _progress() -> Iterator[Callable[[dict[str, Any]], None]]:
    """A bar of slices, on a terminal."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("slices", total=None)

        def show(found: dict[str, Any]) -> None:
            total, done = found["slices_in_all"], found["slices_done"]
            progress.update(task, total=total, completed=done, description=found["status"])

        yield show
