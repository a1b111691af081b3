"""The stages of history, from the settings: the archive and the batch agent."""

from octyseg.hosting.opening import wall_ms
from octyseg.hosting.rules import rules_of
from octyseg.hosting.runner import group_of
from octyseg.log.port import Log
from octyseg.settings import Settings
from octyseg.stages.archive import ArchiveConfig, ArchiveStage
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.past import PastStage
from octyseg.stages.slices import PastConfig


def archive_stage(settings: Settings, log: Log) -> ArchiveStage:
    """The archive stage; it needs no Redis."""
    own = settings.history
    config = ArchiveConfig(
        write_every_s=own.write_every_s, write_every_bytes=own.write_every_mb * 1024 * 1024, keep_days=own.keep_days
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
