"""What a verb works with: the settings, the log they name, the definitions on it, the projection.

Every verb works beside running workers and alone. Alone on an embedded log it starts the private Valkey
for as long as it needs it, and brings the projection to the end of the log before it reads it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from octyseg import logs, settings
from octyseg.errors import UsageError
from octyseg.log.port import Log
from octyseg.model.definitions.contents import Definitions
from octyseg.model.definitions.definition import EventTypeDefinition
from octyseg.model.definitions.reading.loading import load_definitions, read_definitions
from octyseg.settings import Settings

if TYPE_CHECKING:
    from octyseg.model.definitions.registry import Registry
    from octyseg.stages.repair import Projection

T = TypeVar("T")

# A person waits for an answer; a worker waits for as long as it takes.
VERB_PATIENCE_S = 10.0


class Chosen:
    """What was said on the command line that is a setting."""

    api: str | None = None


def begin() -> Settings:
    """The settings of this run; messages go where they say from here on."""
    loaded = settings.load()
    if Chosen.api is not None:
        loaded = settings.with_api(loaded, Chosen.api)
    logs.configure("warning" if loaded.log_level == "info" else loaded.log_level, loaded.log_format)
    return loaded


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a verb's work to its end."""
    return asyncio.run(work)


def definitions_in(file: Path, loaded: Settings, event_types: tuple[EventTypeDefinition, ...] = ()) -> Definitions:
    """The definitions of a file, or of stdin when it is `-`."""
    if str(file) == "-":
        return read_definitions(
            sys.stdin.buffer.read(),
            "stdin",
            min_exp_timeframe=loaded.min_exp_timeframe,
            strict_catalog=loaded.strict_catalog,
            event_types=event_types,
        )
    return load_definitions(
        file,
        min_exp_timeframe=loaded.min_exp_timeframe,
        strict_catalog=loaded.strict_catalog,
        event_types=event_types,
    )


@asynccontextmanager
async def open_log(loaded: Settings, *, writes: bool) -> AsyncIterator[Log]:
    """The log of the settings with all its topics. An embedded one is made by a verb that writes, only."""
    from octyseg.hosting import opening

    file = loaded.embedded_file
    if file is not None and not writes and not file.exists():
        msg = f"there is no log at {file}: `octyseg apply -f FILE` or `octyseg dev` makes one, or set OCTYSEG_LOG"
        raise UsageError(msg)
    async with opening.open_log(loaded, patience_s=VERB_PATIENCE_S) as log:
        yield log


async def read_registry(log: Log, loaded: Settings) -> "Registry":
    """All definitions as of now."""
    from octyseg.stages.catalog import CatalogFollower

    follower = CatalogFollower(log, loaded.topic("definitions"))
    await follower.start()
    await follower.close()
    return follower.registry


@asynccontextmanager
async def open_projection(loaded: Settings, log: Log) -> AsyncIterator["Projection"]:
    """The projection as it stands."""
    from octyseg.hosting.opening import projection_of
    from octyseg.projection.connection import open_redis

    async with open_redis(loaded) as redis:
        yield projection_of(loaded, log, redis)


async def bring_up(projection: "Projection", loaded: Settings, *partitions: int) -> None:
    """On an embedded log: bring partitions to the end of the log, for there may be nobody else who does.

    On Kafka that is the workers' business, and a reader sees what they wrote.
    """
    if loaded.embedded_file is not None:
        from octyseg.stages.repair import settle

        for partition in partitions or range(projection.reader.partitions):
            await settle(projection, partition)
