"""The projection stage on Kafka: outcomes in, Redis kept equal to them. Waits for Redis as long as it takes."""

from octyseg import settings
from octyseg.errors import SettingsError
from octyseg.hosting.assembly import stage_of
from octyseg.hosting.kafka import kafka_log
from octyseg.projection.connection import connect
from octyseg.settings import Settings
from topologies.app import App
from topologies.host import host


def topology(chosen: Settings) -> App:
    """The app of the projection stage."""
    if chosen.redis is None:
        msg = "OCTYSEG_REDIS is not set: workers on Kafka share one Redis, e.g. redis://host:6379/0"
        raise SettingsError(msg)
    log, redis = kafka_log(chosen), connect(chosen.redis)
    return host(chosen, stage_of("projection", chosen, log, redis), log, redis.aclose)


def __getattr__(name: str) -> App:
    """`app`, made when Faust's own command line asks for it."""
    if name == "app":
        return topology(settings.load())
    raise AttributeError(name)
