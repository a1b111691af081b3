"""Makes the Faust app of a stage: what Kafka and Faust are told, in one place.

Every figure here was measured or is a hazard's answer (ARCHITECTURE.md). Nothing is read from the
environment: settings come in. Faust's own web server, tables, leader and topic declarations stay off.
"""

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from faust import SASLCredentials, SSLCredentials
from faust.app.base import BootStrategy
from faust.types import Message

from octyseg.hosting.kafka import security_of
from octyseg.hosting.runner import group_of
from octyseg.log.kafka_client import LEADERS_KNOWN_FOR_MS
from octyseg.log.kafka_reader import MAX_BATCHES
from octyseg.log.kafka_security import Security
from octyseg.settings import Settings
from topologies.tables import NoTables

# Chunks waiting for their partition's actor. Faust stops asking for more of a partition above it, and a
# chunk is one fetch at most: this bounds what a backlog costs in memory.
_CHUNKS_BUFFERED = 2
_REQUEST_TIMEOUT_S = 20.0


class Unopened(faust.Schema):  # type: ignore[misc] # Faust comes without types that mypy follows
    """Chunks reach the agent as they are: no key, and nothing to decode."""

    def loads_key(self, app: Any, message: Message, **_: Any) -> None:
        """A chunk holds many keys."""

    def loads_value(self, app: Any, message: Message, **_: Any) -> Any:  # noqa: ARG002 - the signature is Faust's
        """The chunk."""
        return message.value


class _OnlyConsuming(BootStrategy):  # type: ignore[misc] # as above
    """Stages write through the log, not through Faust's producer."""

    enable_kafka_producer = False
    enable_web = False


class App(faust.App):  # type: ignore[misc] # as above
    """A Faust app around a host: opened before the group is joined, closed before it is left."""

    logger = logging.getLogger("faust.app")
    BootStrategy = _OnlyConsuming
    open_host: Callable[[], Awaitable[None]]
    close_host: Callable[[], Awaitable[None]]

    def _create_directories(self) -> None:
        """No tables, so nothing to keep: the working directory may be read-only."""

    async def on_start(self) -> None:
        """Nobody is given partitions before the stage can take them."""
        await self.open_host()
        await super().on_start()

    async def on_stop(self) -> None:
        """Finish and commit while the consumer still can."""
        await self.close_host()
        await super().on_stop()


def _credentials(security: Security) -> SASLCredentials | SSLCredentials | None:
    """The same in Faust's words."""
    if security.login is not None:
        username, password, mechanism = security.login
        return SASLCredentials(username=username, password=password, mechanism=mechanism, ssl_context=security.tls)
    return None if security.tls is None else SSLCredentials(security.tls)


def make_app(settings: Settings, stage_name: str) -> App:
    """The app of one stage; its consumer group is the stage's."""
    group = group_of(settings.namespace, stage_name)
    return App(
        group,
        version=1,
        broker=[f"chunks://{server}" for server in settings.kafka_servers],
        broker_credentials=_credentials(security_of(settings)),
        broker_client_id=f"{group}-{settings.instance_id}",
        # A killed worker that comes back under the same id takes its partitions back at once.
        consumer_group_instance_id=settings.instance_id,
        # The assignor compares addresses of members across restarts: an address of ours must not change.
        canonical_url=f"http://{settings.instance_id}",
        # Above 0 Faust uses its own assignor, which gives one worker the same partition numbers of all topics.
        table_standby_replicas=1,
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.heartbeat_s,
        broker_request_timeout=max(_REQUEST_TIMEOUT_S, settings.session_timeout_s),
        broker_commit_interval=settings.commit_every_s,
        broker_max_poll_records=MAX_BATCHES,
        consumer_auto_offset_reset="earliest",
        consumer_metadata_max_age_ms=LEADERS_KNOWN_FOR_MS,
        stream_buffer_maxsize=_CHUNKS_BUFFERED,
        # The host waits for what is in hand, and not for ever.
        stream_wait_empty=False,
        topic_disable_leader=True,
        TableManager=NoTables,
        # Faust's own figures of each message cost at every chunk, and nobody reads them.
        Monitor=faust.Sensor,
        topic_allow_declare=False,
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
