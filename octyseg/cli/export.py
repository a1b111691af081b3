"""`octyseg export`: all members of a segment with their attributes, as CSV or JSON lines."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated, Literal

import typer

from octyseg.cli.asking import ask
from octyseg.cli.remote import Api, part
from octyseg.cli.session import begin
from octyseg.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from octyseg.service.access import Access


def export(
    segment: Annotated[str, typer.Argument(help="The segment, by name or id.", show_default=False)],
    form: Annotated[
        Literal["csv", "jsonl"], typer.Option("--format", help="Cells that look like formulas are escaped in csv.")
    ] = "csv",
    file: Annotated[Path | None, typer.Option("-f", "--file", help="Where to write.", show_default="stdout")] = None,
) -> None:
    """Write all members of a segment; memory stays the same however many there are."""
    with _opened(file) as out:

        def over_http(api: Api) -> None:
            for piece in api.stream(f"/v2/segments/{part(segment)}/export", format=form):
                out.write(piece)

        async def here(access: "Access") -> None:
            from octyseg.service import members

            await access.bring_up()
            async for piece in members.export(access, segment, form):
                out.write(piece)

        ask(begin(), over_http, here, projection=True)


def _opened(file: Path | None) -> "AbstractContextManager[IO[bytes]]":
    if file is None:
        return nullcontext(sys.stdout.buffer)
    try:
        return file.open("wb")
    except OSError as error:
        msg = f"cannot write {file}: {(error.strerror or str(error)).lower()}"
        raise UsageError(msg) from None
