"""Make stages from settings, a log and Redis: for topologies and the embedded runner, the same way everywhere."""

from typing import Literal

from redis.asyncio import Redis

from octyseg.hosting.opening import projection_of, rules_of, wall_ms
from octyseg.hosting.runner import group_of
from octyseg.log.port import Log
from octyseg.projection.reader import Reader
from octyseg.settings import Settings
from octyseg.stages.archive import ArchiveConfig, ArchiveStage
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.live import LiveConfig, LiveStage
from octyseg.stages.past import PastStage
from octyseg.stages.port import Stage
from octyseg.stages.projection import ProjectionStage
from octyseg.stages.slices import PastConfig
from octyseg.stages.tags import TagsStage
from octyseg.stages.webhooks import WebhooksStage
from octyseg.stages.webhooks_ledger import Topics
from octyseg.stages.webhooks_outboxes import Outward
from octyseg.webhooks.guard import Policy, networks
from octyseg.webhooks.queue import Queue
from octyseg.webhooks.sealing import Seal, key_beside
from octyseg.webhooks.sender import Sender

StageName = Literal["live", "tags", "projection", "webhooks", "archive", "past"]
WORKERS: dict[str, tuple[StageName, ...]] = {
    "live": ("live",),
    "tags": ("tags", "projection"),
    "webhooks": ("webhooks",),
    "past": ("archive", "past"),
    "all": ("live", "tags", "projection", "webhooks", "archive", "past"),
}
# The stages that keep something in Redis.
NEED_REDIS: frozenset[StageName] = frozenset({"projection", "webhooks"})


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


def archive_stage(settings: Settings, log: Log) -> ArchiveStage:
    """The archive stage; it needs no Redis."""
    own = settings.history
    config = ArchiveConfig(
        write_every_s=own.write_every_s, write_every_events=own.write_every_events, keep_days=own.keep_days
    )
    return ArchiveStage(log, settings.topic("events"), settings.history_directory, config, rules_of(settings))


def past_config(settings: Settings) -> PastConfig:
    """How the batch agent works."""
    return PastConfig(
        directory=settings.history_directory,
        namespace=settings.namespace,
        live_group=group_of(settings.namespace, "live"),
        engine=settings.history.engine,
        schedule=settings.history.schedule,
        compare_schedule=settings.history.compare_schedule,
        grace_ms=settings.grace_ms,
        future_ms=settings.future_ms,
    )


def past_stage(settings: Settings, log: Log) -> PastStage:
    """The batch agent; it needs no Redis."""
    follower = CatalogFollower(log, settings.topic("definitions"))
    return PastStage(log, settings.topic, follower, past_config(settings), wall_ms)


def seal_of(settings: Settings) -> Seal:
    """What seals the secrets of webhooks: the key of the settings, or the one beside an embedded log."""
    key, file = settings.webhooks.secret_key, settings.embedded_file
    if key is None and file is not None:
        key = key_beside(file)
    return Seal(key)


def sender_of(settings: Settings) -> Sender:
    """The way out to receivers."""
    own = settings.webhooks
    return Sender(Policy(own.allow_http, networks(own.allow_networks)))


def webhook_topics(settings: Settings) -> Topics:
    """The topics that webhooks touch."""
    return Topics(*(settings.topic(name) for name in ("tags", "deliveries", "deadletter", "definitions")))


def webhooks_stage(settings: Settings, log: Log, redis: Redis) -> WebhooksStage:
    """The webhooks stage; it keeps its schedule in Redis and makes it again from the log."""
    staleness_s = settings.webhooks.max_staleness_s
    return WebhooksStage(
        log,
        webhook_topics(settings),
        CatalogFollower(log, settings.topic("definitions")),
        Reader(redis, settings.redis_prefix, settings.partitions),
        Outward(Queue(redis, settings.redis_prefix), sender_of(settings), seal_of(settings), wall_ms),
        max_staleness_ms=None if staleness_s is None else round(staleness_s * 1000),
    )


def stage_of(name: StageName, settings: Settings, log: Log, redis: Redis | None) -> Stage:
    """A stage by name; `redis` may be None for those that keep nothing there."""
    if name == "live":
        return live_stage(settings, log)
    if name == "archive":
        return archive_stage(settings, log)
    if name == "past":
        return past_stage(settings, log)
    if name == "tags":
        return TagsStage(log, settings.namespace)
    assert redis is not None, f"the {name} stage keeps something in Redis"
    if name == "webhooks":
        return webhooks_stage(settings, log, redis)
    follower = CatalogFollower(log, settings.topic("definitions"))
    return ProjectionStage(projection_of(settings, log, redis), follower=follower)
