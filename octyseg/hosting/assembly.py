"""Make stages from settings, a log and Redis: for topologies and the embedded runner, the same way everywhere."""

from typing import TYPE_CHECKING

from octyseg.log.port import Log
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.port import Stage, StageName
from octyseg.stages.tags import TagsStage

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from octyseg.stages.live import LiveStage

WORKERS: dict[str, tuple[StageName, ...]] = {
    "live": ("live",),
    "tags": ("tags", "projection"),
    "webhooks": ("webhooks",),
    "past": ("archive", "past"),
    "all": ("live", "tags", "projection", "webhooks", "archive", "past"),
}
# What each of them reads, by short names: known without making one.
INPUTS: dict[StageName, tuple[str, ...]] = {
    "live": ("events", "commands"),
    "tags": ("outcomes",),
    "projection": ("outcomes",),
    "webhooks": ("tags",),
    "archive": ("events",),
    "past": ("runs",),
}
# The stages that keep something in Redis.
NEED_REDIS: frozenset[StageName] = frozenset({"projection", "webhooks"})


def live_stage(settings: Settings, log: Log) -> "LiveStage":
    """The live stage; it needs no Redis."""
    from octyseg.hosting.rules import rules_of
    from octyseg.stages.live import LiveStage
    from octyseg.stages.live_config import LiveConfig

    config = LiveConfig(
        rules=rules_of(settings),
        instance_id=settings.instance_id,
        flush_every_s=settings.flush_every_s,
        flush_every_profiles=settings.flush_every_profiles,
        sweep_batch=settings.sweep_batch,
    )
    return LiveStage(log, settings.topic, CatalogFollower(log, settings.topic("definitions")), config)


def stage_of(name: StageName, settings: Settings, log: Log, redis: "Redis | None") -> Stage:
    """A stage by name; `redis` may be None for those that keep nothing there.

    Only what the stage needs is imported: a worker that was killed is not to wait for the libraries of another stage.
    """
    if name == "live":
        return live_stage(settings, log)
    if name == "tags":
        return TagsStage(log, settings.namespace)
    if name in {"archive", "past"}:
        from octyseg.hosting import past

        return past.archive_stage(settings, log) if name == "archive" else past.past_stage(settings, log)
    assert redis is not None, f"the {name} stage keeps something in Redis"
    if name == "webhooks":
        from octyseg.hosting.webhooks import webhooks_stage

        return webhooks_stage(settings, log, redis)
    from octyseg.hosting.opening import projection_of
    from octyseg.stages.projection import ProjectionStage

    follower = CatalogFollower(log, settings.topic("definitions"))
    return ProjectionStage(projection_of(settings, log, redis), follower=follower)
