"""`octyseg tail`: the records of a topic, the last ones, all of them, or those to come."""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import typer

from octyseg.cli.output import print_json_line
from octyseg.cli.session import begin, open_log, run
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.log.port import Chunk, Reader


def tail(
    topic: Annotated[str, typer.Argument(help="Its short name, e.g. events, tags, outcomes.", show_default=False)],
    from_start: Annotated[bool, typer.Option("--from-start", help="Begin with the oldest record.")] = False,
    last: Annotated[int, typer.Option("-n", "--last", min=0, help="How many of the last records.")] = 10,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for more, until interrupted.")] = False,
    output: Annotated[
        Literal["text", "json"], typer.Option("-o", "--output", help="json: one object a line.")
    ] = "text",
) -> None:
    """Print records with their place, time and key; packed values are opened."""
    with contextlib.suppress(KeyboardInterrupt):
        run(_Tail(begin(), topic, output).run(None if from_start else last, follow=follow))


class _Tail:
    """One look at one topic."""

    def __init__(self, loaded: Settings, short_name: str, output: str) -> None:
        self._loaded = loaded
        self._short_name = short_name.removeprefix(loaded.namespace)
        self._output = output

    async def run(self, last: int | None, *, follow: bool) -> None:
        """The last so many records (None: all there are), then what comes."""
        topic = self._loaded.topic(self._short_name)
        async with open_log(self._loaded, writes=False) as log:
            numbers = range(await log.partitions(topic))
            ends = await log.ends(topic, numbers)
            reader = log.reader()
            try:
                positions = await log.starts(topic, numbers)
                if last is not None:
                    positions = {number: max(start, ends[number] - last) for number, start in positions.items()}
                for number in numbers:
                    reader.seek(topic, number, positions[number])
                await self._print_until(reader, positions, ends, last)
                while follow:
                    for chunk in await reader.read(1.0):
                        for record in self._opened(chunk):
                            self._print(record)
            finally:
                await reader.close()

    async def _print_until(
        self, reader: "Reader", positions: dict[int, int], ends: dict[int, int], last: int | None
    ) -> None:
        """Read up to the ends; the last few are put in the order of their arrival, all of them need no memory."""
        kept: list[dict[str, Any]] = []
        later: list[dict[str, Any]] = []
        while any(positions[number] < end for number, end in ends.items()):
            for chunk in await reader.read(1.0):
                for record in self._opened(chunk):
                    if last is None:
                        self._print(record)
                    else:
                        (kept if record["offset"] < ends[chunk.partition] else later).append(record)
                positions[chunk.partition] = chunk.next_offset
        kept.sort(key=lambda record: (record["timestamp"], record["partition"], record["offset"]))
        for record in [*kept[len(kept) - min(last or 0, len(kept)) :], *later]:
            self._print(record)

    def _opened(self, chunk: "Chunk") -> Iterator[dict[str, Any]]:
        from octyseg.cli.decoding import shown

        for batch in chunk.batches:
            for record in batch:
                yield shown(self._short_name, chunk.partition, record)

    def _print(self, record: dict[str, Any]) -> None:
        if self._output == "json":
            print_json_line(record)
        else:
            value = msgspec.json.encode(record["value"]).decode()
            place = f"{record['partition']}/{record['offset']}"
            typer.echo(f"{record['timestamp']}  {place}  {record['key']}  {value}")
