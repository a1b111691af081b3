"""The live stage on Kafka: events in, outcomes out. `faust -A topologies.live worker` runs it too."""

from octyseg import settings
from octyseg.hosting.assembly import live_stage
from octyseg.hosting.kafka import kafka_log
from octyseg.settings import Settings
from topologies.app import App
from topologies.host import host


def topology(chosen: Settings) -> App:
    """The app of the live stage."""
    log = kafka_log(chosen)
    return host(chosen, live_stage(chosen, log), log)


def __getattr__(name: str) -> App:
    """`app`, made when Faust's own command line asks for it: importing this module reads no settings."""
    if name == "app":
        return topology(settings.load())
    raise AttributeError(name)
