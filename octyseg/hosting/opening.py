"""Open what the settings name: the log, the projection on it; and tell the time.

For verbs, the API and hosts of stages alike. A verb beside an embedded log shall not wait for Kafka's client.
"""

import time as clock
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from redis.asyncio import Redis

from octyseg.log import topics
from octyseg.log.embedded import EmbeddedLog
from octyseg.log.port import Log
from octyseg.projection.reader import Reader
from octyseg.projection.writer import Writer
from octyseg.settings import Settings
from octyseg.stages.repair import Projection


@asynccontextmanager
async def open_log(
    settings: Settings, *, time: Literal["wall", "events"] | None = None, patience_s: float = 60.0
) -> AsyncIterator[Log]:
    """The log of the settings, started, its topics made.

    `time`: see EmbeddedLog; None takes the file's own. `patience_s`: how long to wait for a broker.
    """
    file = settings.embedded_file
    log: Log
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        log = EmbeddedLog(file, time=time)
    else:
        from octyseg.hosting.kafka import kafka_log

        log = kafka_log(settings, patience_s)
    await log.start()
    try:
        await log.create_topics(topics.specs(settings.namespace, settings.partitions))
        yield log
    finally:
        await log.close()


def projection_of(settings: Settings, log: Log, redis: Redis) -> Projection:
    """The projection in Redis of a log."""
    prefix = settings.redis_prefix
    return Projection(log, settings.namespace, Reader(redis, prefix, settings.partitions), Writer(redis, prefix))


def wall_ms() -> int:
    """The wall clock. Receivers check the time of a signature against theirs, so no other one will do."""
    return clock.time_ns() // 1_000_000
