"""The tags stage on Kafka: outcomes in, public tag changes out. A group of its own: Redis cannot hold it up."""

from octyseg import settings
from octyseg.hosting.assembly import stage_of
from octyseg.hosting.kafka import kafka_log
from octyseg.settings import Settings
from topologies.app import App
from topologies.host import host


def topology(chosen: Settings) -> App:
    """The app of the tags stage."""
    log = kafka_log(chosen)
    return host(chosen, stage_of("tags", chosen, log, None), log)


def __getattr__(name: str) -> App:
    """`app`, made when Faust's own command line asks for it."""
    if name == "app":
        return topology(settings.load())
    raise AttributeError(name)
