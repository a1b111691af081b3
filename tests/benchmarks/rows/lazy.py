"""Reading and decoding with nothing else: the log's reader, whose batches are opened while they are walked."""

import asyncio

import msgspec

from octyseg.hosting.opening import open_log
from octyseg.model.record import Event
from octyseg.settings import Settings
from tests.benchmarks.measured import Measured, Stopwatch


def measure(settings: Settings, events: int) -> Measured:
    """Read and decode so many."""
    return asyncio.run(_measure(settings, events))


async def _measure(settings: Settings, events: int) -> Measured:
    decode = msgspec.json.Decoder(Event).decode
    async with open_log(settings) as log:
        reader = log.reader()
        for number in range(settings.partitions):
            reader.seek(settings.topic("events"), number, 0)
        seen = 0
        watch: Stopwatch | None = None
        while seen < events:
            chunks = await reader.read(1.0)
            watch = watch or Stopwatch()
            for chunk in chunks:
                for batch in chunk.batches:
                    for record in batch:
                        decode(record.value)
                        seen += 1
        assert watch is not None, "there are events"
        measured = watch.stop(seen)
        await reader.close()
    return measured
