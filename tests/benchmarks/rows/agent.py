"""The same detection as a plain Faust agent: Faust's own transport, one event at a time.

Each event is fed to the engine alone and its outcomes are sent by Faust's producer; acknowledgements are
awaited a thousand at a time, which is kind to this row. It stops after a while: it is slow.
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
AWAITED = 1_000


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
        self._sent: list = []
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
                sent = await self._outcomes.send(
                    key=profile_id.encode(), value=encode(outcome), partition=message.partition
                )
                self._sent.append(sent)
            if len(self._sent) >= AWAITED or count == self._events:
                await asyncio.gather(*self._sent)
                self._sent.clear()
            if (count == self._events or time.monotonic() > stop_s) and not self.measured.done():
                self.measured.set_result(watch.stop(count))
