"""`octyseg upload`: CSV files of profiles, events and members, with every row that was refused told by its line."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from octyseg.cli.asking import ask, may_ask
from octyseg.cli.options import Form
from octyseg.cli.output import print_json, tell
from octyseg.cli.remote import Api, part
from octyseg.cli.session import begin
from octyseg.errors import UsageError
from octyseg.intake import given
from octyseg.intake.record import Refused
from octyseg.intake.table import Row, rows

if TYPE_CHECKING:
    from octyseg.service.access import Access

group = typer.Typer(no_args_is_help=True, help="Upload CSV files.")

CHUNK = 500
MOST_SHOWN = 50
Csv = Annotated[Path, typer.Argument(help="A CSV file; its first line names the columns.", show_default=False)]


class Problem(NamedTuple):
    """A row that changed nothing."""

    line: int | None
    value: str | None
    reason: str


class Report(NamedTuple):
    """What became of a file."""

    rows: int
    accepted: int
    problems: list[Problem]


@group.command("profiles")
@may_ask
def profiles(file: Csv, output: Form = "table") -> None:
    """Columns: customer_id or profile_id, has_charged, status, profile_data>>NAME, platform_info>>NAME."""
    from octyseg.service import ingest

    _say(_upload(file, "profiles", ingest.profiles, "/v1/retention/profiles/create"), output)


@group.command("events")
@may_ask
def events(file: Csv, output: Form = "table") -> None:
    """Columns: event_type, profile_id, created_at, event_id, event_properties>>NAME. Old events are history."""
    from octyseg.service import ingest

    _say(_upload(file, "events", ingest.events, "/v1/retention/events/create/batch"), output)


@group.command("members")
@may_ask
def members(
    file: Csv,
    segment: Annotated[str, typer.Option("--segment", help="The static list, by name or id.", show_default=False)],
    verb: Annotated[
        Literal["add", "remove", "replace"], typer.Option("--verb", help="replace: who is not in the file is removed.")
    ] = "add",
    output: Form = "table",
) -> None:
    """A column profile_id or customer_id: who is on a static list, who is not any more, or all who are."""
    with _read(file) as (opened, _):

        def over_http(api: Api) -> dict[str, Any]:
            path = f"/v2/segments/{part(segment)}/members/{verb}"
            found: dict[str, Any] = api.send(path, opened.read(), "text/csv")
            return found

        async def here(access: "Access") -> dict[str, Any]:
            from octyseg.service import lists

            lines = (line.decode(errors="replace") for line in opened)
            anchor = f"upload-{uuid.uuid4().hex[:16]}"
            return lists.shown(await lists.change(access, segment, verb, rows("members", lines), anchor=anchor))

        found = ask(begin(), over_http, here, projection=True)
    problems = [Problem(**one) for one in found["problems"]]
    _say(Report(found["rows"], found["accepted"], problems), output, removed=found["removed"])


def _upload(file: Path, kind: Literal["profiles", "events"], take: Any, path: str) -> Report:
    """Send a file in chunks; each row is held against the rules here, so that its line can be named."""
    problems: list[Problem] = []
    counted = {"rows": 0, "accepted": 0}

    with _read(file) as (opened, show):
        source = rows(kind, (line.decode(errors="replace") for line in opened))

        def chunks() -> Iterator[list[dict[str, Any]]]:
            while some := list(islice(source, CHUNK)):
                counted["rows"] += len(some)
                good = [fields for row in some if (fields := _judged(kind, row, problems)) is not None]
                show()
                if good:
                    yield good

        def over_http(api: Api) -> None:
            for some in chunks():
                answer = api.post(path, {kind: some})
                failed = answer["failed_to_create"]
                counted["accepted"] += len(some) - len(failed)
                problems.extend(_failed(one) for one in failed)

        async def here(access: "Access") -> None:
            for some in chunks():
                became = await take(access, some)
                refused = [
                    Problem(None, one.get("customer_id") or one.get("profile_id"), result.text)
                    for one, result in zip(some, became, strict=True)
                    if isinstance(result, Refused)
                ]
                counted["accepted"] += len(some) - len(refused)
                problems.extend(refused)

        ask(begin(), over_http, here, writes=True, projection=kind == "profiles")
    return Report(counted["rows"], counted["accepted"], problems)


def _judged(kind: str, row: Row, problems: list[Problem]) -> dict[str, Any] | None:
    """The row's fields, when they make a record."""
    if row.fields is None:
        problems.append(Problem(row.line, None, row.problem))
        return None
    now_ms = time.time_ns() // 1_000_000
    made = given.event(row.fields, "event", now_ms) if kind == "events" else given.profile(row.fields, now_ms)
    if isinstance(made, Refused):
        value = row.fields.get("customer_id") or row.fields.get("profile_id")
        problems.append(Problem(row.line, value, made.text))
        return None
    return row.fields


def _failed(one: dict[str, Any]) -> Problem:
    return Problem(None, one.get("customer_id") or one.get("profile_id"), one["error_message"])


@contextmanager
def _read(file: Path) -> Iterator[tuple[IO[bytes], Callable[[], None]]]:
    """The file, and what moves its bar on a terminal."""
    try:
        opened = file.open("rb")
    except OSError as error:
        msg = f"cannot read {file}: {(error.strerror or str(error)).lower()}: name a CSV file"
        raise UsageError(msg) from None
    columns = (TextColumn(file.name), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with opened, Progress(*columns, console=console, transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("upload", total=file.stat().st_size)
        yield opened, lambda: progress.update(task, completed=opened.tell())


def _say(report: Report, output: str, removed: int = 0) -> None:
    """Print a report; exit code 1 when a row was refused."""
    if output == "json":
        print_json(report._asdict() | {"removed": removed, "problems": [one._asdict() for one in report.problems]})
    else:
        gone = f", {removed} removed" if removed else ""
        tell(f"{report.accepted} of {report.rows} rows accepted{gone}", to_stdout=True)
        for one in report.problems[:MOST_SHOWN]:
            where = "a row" if one.line is None else f"line {one.line}"
            tell(f"{where}{f' ({one.value})' if one.value else ''}: {one.reason}", "red")
        if len(report.problems) > MOST_SHOWN:
            tell(f"and {len(report.problems) - MOST_SHOWN} more: -o json tells all of them")
    if report.problems:
        raise typer.Exit(1)
