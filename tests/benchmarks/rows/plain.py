"""Reading and decoding with nothing else: aiokafka's own `getmany`, the engine's Event struct.

What every Python program on Kafka pays before it has done anything, with the settings that aiokafka comes
with; the measure of the other rows.
"""

import asyncio

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition

from octyseg.model.record import Event
from octyseg.settings import Settings
from tests.benchmarks.measured import Measured, Stopwatch


def measure(settings: Settings, events: int) -> Measured:
    """Read and decode so many."""
    return asyncio.run(_measure(settings, events))


async def _measure(settings: Settings, events: int) -> Measured:
    decode = msgspec.json.Decoder(Event).decode
    consumer = AIOKafkaConsumer(
        bootstrap_servers=list(settings.kafka_servers),
        auto_offset_reset="earliest",
    )
    await consumer.start()
    consumer.assign([TopicPartition(settings.topic("events"), number) for number in range(settings.partitions)])
    seen = 0
    watch: Stopwatch | None = None
    while seen < events:
        fetched = await consumer.getmany(timeout_ms=1000)
        watch = watch or Stopwatch()
        for records in fetched.values():
            for record in records:
                decode(record.value)
            seen += len(records)
    assert watch is not None, "there are events"
    measured = watch.stop(seen)
    await consumer.stop()
    return measured
