"""A log, the worker processes on it and somebody who reads the `tags` topic at leisure.

On the embedded log one process runs all stages, as `octyseg dev` does; on Kafka one runs the live stage and
one the tags stage, and events come from a producer of aiokafka. Processes end with the scene.
"""

import asyncio
import shutil
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

from aiokafka import AIOKafkaProducer

from octyseg.hosting.opening import open_log
from octyseg.log.port import Appended, Log, NewRecord
from octyseg.model.change import PublicChange, from_json
from octyseg.model.placement import partition_of
from octyseg.settings import Settings
from octyseg.traffic.event import TrafficEvent
from tests.benchmarks.loading import define
from tests.benchmarks.processes import environment

DEFINITIONS = Path(__file__).with_name("definitions.yaml")
MIN_EXP_TIMEFRAME = 0.01
DEADLINE_S = 60.0
_LINGER_MS = 5
# Who asks a broker for every change at once takes the processors from those that are measured.
_READ_EVERY_S = 0.5

Seen = Callable[[PublicChange, float], None]


class Scene:
    """What a measurement works with; `on_change` hears of every change and the second of its arrival."""

    def __init__(self, settings: Settings, log: Log, producer: AIOKafkaProducer | None) -> None:
        self.settings = settings
        self.log = log
        self._producer = producer
        self.on_change: Seen = _ignore
        self._workers: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str) -> None:
        """Start a worker: `dev`, `live` or `tags`."""
        command = [sys.executable, "-m", "tests.benchmarks.latency.hosted", name]
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        env = environment(self.settings) | {"OCTYSEG_INSTANCE_ID": name, "OCTYSEG_LOG_LEVEL": "warning"}
        self._workers[name] = subprocess.Popen([*guard, *command], env=env)

    def end(self, name: str) -> None:
        """End a worker as a deployment does."""
        worker = self._workers.pop(name)
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)

    def end_all(self) -> None:
        """Leave nobody running."""
        for name in list(self._workers):
            self.end(name)

    @property
    def detector(self) -> str:
        """The worker that detects."""
        return "dev" if self.settings.embedded_file else "live"

    async def append(self, events: Iterable[TrafficEvent]) -> list[tuple[TrafficEvent, Appended]]:
        """Append events and say when they arrived."""
        topic = self.settings.topic("events")
        lots: dict[int, list[TrafficEvent]] = {}
        for event in events:
            lots.setdefault(partition_of(event.profile_id, self.settings.partitions), []).append(event)
        if self._producer is not None:
            return await self._produce(self._producer, topic, lots)
        arrived = await asyncio.gather(
            *(
                self.log.append(topic, number, [NewRecord(one.profile_id.encode(), one.line) for one in lot])
                for number, lot in lots.items()
            )
        )
        return [(event, told) for lot, told in zip(lots.values(), arrived, strict=True) for event in lot]

    async def _produce(
        self, producer: AIOKafkaProducer, topic: str, lots: dict[int, list[TrafficEvent]]
    ) -> list[tuple[TrafficEvent, Appended]]:
        events = [(number, one) for number, lot in lots.items() for one in lot]
        sent = [
            await producer.send(topic, one.line, one.profile_id.encode(), partition=number) for number, one in events
        ]
        told = await asyncio.gather(*sent)
        return [
            (event, Appended(one.offset, one.offset + 1, one.timestamp))
            for (_, event), one in zip(events, told, strict=True)
        ]

    async def watch(self) -> None:
        """Read the tags topic from its end until cancelled."""
        topic, numbers = self.settings.topic("tags"), range(self.settings.partitions)
        reader = self.log.reader()
        try:
            for number, end in (await self.log.ends(topic, numbers)).items():
                reader.seek(topic, number, end)
            while True:
                for chunk in await reader.read(1.0):
                    for batch in chunk.batches:
                        for record in batch:
                            assert record.value is not None, "changes have values"
                            self.on_change(from_json(record.value), record.timestamp / 1000)
                await asyncio.sleep(_READ_EVERY_S)
        finally:
            await reader.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Scene]:
    """A scene with its definitions in force and its workers running."""
    async with AsyncExitStack() as stack:
        log = await stack.enter_async_context(open_log(settings))
        await define(log, settings, DEFINITIONS, min_exp_timeframe=MIN_EXP_TIMEFRAME)
        producer = None
        if settings.kafka_servers:
            producer = AIOKafkaProducer(bootstrap_servers=settings.kafka_servers, acks="all", linger_ms=_LINGER_MS)
            await producer.start()
            stack.push_async_callback(producer.stop)
        scene = Scene(settings, log, producer)
        watching = asyncio.create_task(scene.watch())
        try:
            for name in ("dev",) if settings.embedded_file else ("live", "tags"):
                scene.start(name)
            yield scene
        finally:
            await asyncio.to_thread(scene.end_all)
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching


def _ignore(_change: PublicChange, _changed_s: float) -> None:
    """Nobody asks yet."""
