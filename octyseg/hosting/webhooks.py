"""The webhooks stage and what it is made of, from the settings."""

from redis.asyncio import Redis

from octyseg.hosting.opening import wall_ms
from octyseg.log.port import Log
from octyseg.projection.reader import Reader
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.webhooks import WebhooksStage
from octyseg.stages.webhooks_ledger import Topics
from octyseg.stages.webhooks_outboxes import Outward
from octyseg.webhooks.guard import Policy, networks
from octyseg.webhooks.queue import Queue
from octyseg.webhooks.sealing import Seal, key_beside
from octyseg.webhooks.sender import Sender


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
