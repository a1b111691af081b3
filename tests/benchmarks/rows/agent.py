"""The same detection as a plain Faust agent: Faust's own transport, one event at a time.

Each event is fed to the engine alone, its outcomes are sent by Faust's producer, and their acknowledgements
are awaited before the next event is taken: otherwise Faust would commit what is not durable yet. It stops
after a while: it is slow.
"""

import asyncio
import tempfile
import time

import faust

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.engine.rules import Rules
from octyseg.hosting.collector import relax_collector
from octyseg.log.port import StoredRecord
from octyseg.model.outcome import encode
from octyseg.settings import Settings
from tests.benchmarks import traffic
from tests.benchmarks.measured import Measured, Stopwatch
from topologies.worker import Worker

MOST_S = 40.0


def measure(settings: Settings, events: int) -> Measured:
    """Detect in so many events, or in as many as fit."""
    return asyncio.run(_measure(settings, events))


async def _measure(settings: Settings, events: int) -> Measured:
    with tempfile.TemporaryDirectory() as scratch:
        detector = Detector(settings, events, scratch)
        relax_collector()
        worker = Worker(detector.app, loop=asyncio.get_running_loop())
        running = asyncio.create_task(worker.start())
        measured = await detector.measured
        await worker.stop()
        await running
    return measured


class Detector:
    """The app, its one agent and an engine partition for each partition that comes by."""

    def __init__(self, settings: Settings, events: int, directory: str) -> None:
        self.app = faust.App(
            f"{settings.namespace}agent",
            broker=[f"kafka://{server}" for server in settings.kafka_servers],
            datadir=directory,
            value_serializer="raw",
            key_serializer="raw",
            consumer_auto_offset_reset="earliest",
            web_enabled=False,
            topic_disable_leader=True,
            topic_allow_declare=False,
        )
        self.measured: asyncio.Future[Measured] = asyncio.get_running_loop().create_future()
        self._events = events
        self._topic = settings.topic("events")
        self._outcomes = self.app.topic(settings.topic("outcomes"))
        self._partitions: dict[int, Partition] = {}
        self.app.agent(self.app.topic(self._topic))(self._follow)

    async def _follow(self, stream) -> None:
        catalog, rules = Catalog(traffic.segments()), Rules()
        count, watch, stop_s = 0, Stopwatch(), 0.0
        async for event in stream.events():
            if count == 0:
                watch, stop_s = Stopwatch(), time.monotonic() + MOST_S
            count += 1
            message = event.message
            partition = self._partitions.setdefault(message.partition, Partition(catalog, rules, message.partition))
            arrived_ms = round(message.timestamp * 1000)
            record = StoredRecord(message.offset, arrived_ms, message.key, message.value)
            for profile_id, outcome in partition.feed(self._topic, (record,)).outcomes:
                await send_and_wait(self._outcomes, profile_id.encode(), encode(outcome), message.partition)
            if (count == self._events or time.monotonic() > stop_s) and not self.measured.done():
                self.measured.set_result(watch.stop(count))


async def send_and_wait(topic: faust.Topic, key: bytes, value: bytes, partition: int) -> None:
    """Send one record and wait for the broker's word."""
    await (await topic.send(key=key, value=value, partition=partition))
