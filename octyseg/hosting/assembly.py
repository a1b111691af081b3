"""Put settings, log, Redis and stages together: the one place that knows which adapter a setting means.

Used by topologies, the embedded runner and the CLI, so that a stage is made the same way everywhere.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from redis.asyncio import Redis

from octyseg.engine.rules import Rules
from octyseg.log import topics
from octyseg.log.embedded import EmbeddedLog
from octyseg.log.kafka import KafkaLog
from octyseg.log.port import Log
from octyseg.projection.reader import Reader
from octyseg.projection.writer import Writer
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.live import LiveConfig, LiveStage
from octyseg.stages.port import Stage
from octyseg.stages.projection import ProjectionStage
from octyseg.stages.repair import Projection
from octyseg.stages.tags import TagsStage

StageName = Literal["live", "tags", "projection"]
WORKERS: dict[str, tuple[StageName, ...]] = {
    "live": ("live",),
    "tags": ("tags", "projection"),
    "all": ("live", "tags", "projection"),
}


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
        log = KafkaLog(settings.kafka_servers, patience_s=patience_s)
    await log.start()
    try:
        await log.create_topics(topics.specs(settings.namespace, settings.partitions))
        yield log
    finally:
        await log.close()


def rules_of(settings: Settings) -> Rules:
    """The engine's figures."""
    return Rules(settings.grace_ms, settings.correction_horizon_ms, settings.live_max_age_ms, settings.future_ms)


def live_stage(settings: Settings, log: Log) -> LiveStage:
    """The live stage; it needs no Redis."""
    config = LiveConfig(
        rules=rules_of(settings),
        instance_id=settings.instance_id,
        flush_every_s=settings.flush_every_s,
        flush_every_profiles=settings.flush_every_profiles,
        sweep_batch=settings.sweep_batch,
    )
    return LiveStage(log, settings.topic, CatalogFollower(log, settings.topic("definitions")), config)


def projection_of(settings: Settings, log: Log, redis: Redis) -> Projection:
    """The projection in Redis of a log."""
    prefix = settings.redis_prefix
    return Projection(log, settings.namespace, Reader(redis, prefix, settings.partitions), Writer(redis, prefix))


def stage_of(name: StageName, settings: Settings, log: Log, redis: Redis | None) -> Stage:
    """A stage by name; `redis` may be None for all but the projection."""
    if name == "live":
        return live_stage(settings, log)
    if name == "tags":
        return TagsStage(log, settings.namespace)
    assert redis is not None, "the projection is kept in Redis"
    return ProjectionStage(projection_of(settings, log, redis))
