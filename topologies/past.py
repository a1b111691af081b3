"""The past stage on Kafka, the batch agent: runs in, commands to the live stage out."""

from octyseg import settings
from octyseg.hosting.assembly import stage_of
from octyseg.log.kafka import KafkaLog
from octyseg.settings import Settings
from topologies.app import App
from topologies.host import host


def topology(chosen: Settings) -> App:
    """The app of the past stage."""
    log = KafkaLog(chosen.kafka_servers)
    return host(chosen, stage_of("past", chosen, log, None), log)


def __getattr__(name: str) -> App:
    """`app`, made when Faust's own command line asks for it."""
    if name == "app":
        return topology(settings.load())
    raise AttributeError(name)
