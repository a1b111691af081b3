"""How a verb stays: workers run until they are told to end, by SIGTERM or Ctrl-C, and then end cleanly.

On an embedded log the stages run in this process; on Kafka the topologies host them, which this
package never imports by itself: they are found by name when they are wanted.
"""

import asyncio
import importlib
import signal
from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from octyseg import logs, metrics
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.hosting.embedded import Beside

Time = Literal["wall", "events"] | None


def host(
    loaded: Settings,
    what: str,
    on_ready: Callable[[], None] = lambda: None,
    *,
    time: Time = None,
    beside: "Beside | None" = None,
) -> None:
    """Run the stages of a worker (`live`, `tags` or `all`) until the process is told to end."""
    # A worker is not a question: what it does on the way is worth reading.
    logs.configure(loaded.log_level, loaded.log_format)
    if loaded.embedded_file is None:
        from octyseg.hosting.assembly import WORKERS

        importlib.import_module("topologies.worker").run(WORKERS[what], loaded)
    else:
        with metrics.serving(loaded.metrics_port):
            asyncio.run(_embedded(loaded, what, on_ready, time, beside))


async def _embedded(
    loaded: Settings, what: str, on_ready: Callable[[], None], time: Time, beside: "Beside | None"
) -> None:
    from octyseg.hosting.assembly import WORKERS
    from octyseg.hosting.collector import relax_collector
    from octyseg.hosting.embedded import run_embedded

    relax_collector()
    await run_embedded(loaded, WORKERS[what], until_told_to_end(), time=time, on_ready=on_ready, beside=beside)


def until_told_to_end() -> asyncio.Event:
    """Set by SIGTERM and Ctrl-C."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
