"""`octyseg produce`: send the records of a file to the log, as any producer would."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated

import typer

from octyseg.cli.output import tell
from octyseg.cli.session import begin, open_log, run
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.cli.sending import Sent


def produce(
    file: Annotated[str, typer.Argument(help="JSON lines, plain or gzipped; - reads stdin.", show_default=False)],
    rate: Annotated[
        float | None, typer.Option("--rate", min=0.001, help="Records a second; unset: as fast as they go.")
    ] = None,
) -> None:
    """Send records. What is in them is judged by the workers: an event of last week is history to them."""
    from octyseg.traffic.reading import read_lines

    tell_sent(run(send(begin(), (line.data for line in read_lines(file)), rate)))


async def send(loaded: Settings, lines: Iterable[bytes], rate_per_s: float | None) -> "Sent":
    """Send lines to the events topic of the settings' log."""
    from octyseg.cli.sending import Sender

    topic = loaded.topic("events")
    async with open_log(loaded, writes=True) as log:
        return await Sender(log, topic, await log.partitions(topic)).send(lines, rate_per_s)


def tell_sent(sent: "Sent") -> None:
    """Say how it went."""
    tell(f"sent {sent.records:,} records in {sent.seconds:.1f} s")
    if sent.nameless:
        tell(f"{sent.nameless:,} of them name no profile: workers will put them in the dead letters")
