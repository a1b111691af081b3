"""Fills a broker for a row: the definitions, the events, or the states of a million profiles.

Batches are made as the Kafka adapter makes them, uncompressed, up to a megabyte each.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient

from octyseg.engine.state import Instance, ProfileState, encode_state
from octyseg.hosting.opening import open_log
from octyseg.log.port import Log, NewRecord
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import load_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.ids import new_segment_id
from octyseg.model.outcome import MARKER_KEY, Marker, StateRecord, encode
from octyseg.model.placement import partition_of
from octyseg.settings import Settings
from octyseg.traffic.event import profile_name
from tests.benchmarks import traffic

# Of all partitions together: with eight of them some 0.9 MB a batch.
EVENTS_AT_A_TIME = 20_000
EPOCH = 1


async def load_events(settings: Settings, count: int) -> None:
    """Define the ten segments and append the traffic."""
    async with open_log(settings) as log:
        await define(log, settings, traffic.DEFINITIONS)
        topic, partitions = settings.topic("events"), settings.partitions
        lots: list[list[NewRecord]] = [[] for _ in range(partitions)]
        for number, (partition, event) in enumerate(traffic.placed(count, partitions), 1):
            lots[partition].append(NewRecord(event.profile_id.encode(), event.line))
            if number % EVENTS_AT_A_TIME == 0 or number == count:
                await _append(log, topic, lots)
                lots = [[] for _ in range(partitions)]


async def define(log: Log, settings: Settings, file: Path, *, min_exp_timeframe: float = 5) -> None:
    """Put the definitions of a file in force where none are."""
    desired = load_definitions(file, min_exp_timeframe=min_exp_timeframe)
    drawn = plan(Registry(), desired, now_ms=now_ms(), new_id=new_segment_id)
    await log.append(settings.topic("definitions"), 0, [NewRecord(*record) for record in drawn.records()])


async def load_states(settings: Settings, profiles: int) -> None:
    """Write one open instance for each of so many profiles, as flushes leave them, and the markers."""
    async with open_log(settings) as log:
        topic, partitions = settings.topic("state"), settings.partitions
        lots: list[list[NewRecord]] = [[] for _ in range(partitions)]
        at_ms = now_ms()
        for number in range(profiles):
            name = profile_name(number)
            record = NewRecord(name.encode(), encode(StateRecord(EPOCH, encode_state(_waiting(number, at_ms)))))
            lots[partition_of(name, partitions)].append(record)
            if number % EVENTS_AT_A_TIME == 0 or number == profiles - 1:
                await _append(log, topic, lots)
                lots = [[] for _ in range(partitions)]
        await _append(log, topic, [[NewRecord(MARKER_KEY, encode(Marker(EPOCH, 0, 0, 0, 0)))]] * partitions)


async def remove(settings: Settings) -> None:
    """Drop the topics of a row that is over."""
    admin = AIOKafkaAdminClient(bootstrap_servers=list(settings.kafka_servers))
    await admin.start()
    try:
        names = [name for name in await admin.list_topics() if name.startswith(settings.namespace)]
        await admin.delete_topics(names)
    finally:
        await admin.close()


def now_ms() -> int:
    """This machine's time; the broker runs on it too."""
    return time.time_ns() // 1_000_000


async def _append(log: Log, topic: str, lots: Sequence[Sequence[NewRecord]]) -> None:
    await asyncio.gather(*(log.append(topic, number, lot) for number, lot in enumerate(lots) if lot))


def _waiting(number: int, at_ms: int) -> ProfileState:
    """A profile that did an action a moment ago and is waited for."""
    event_id = f"evt_{number:024x}"
    instance = Instance("segment_0badcafe", 1, event_id, at_ms, 1, at_ms, at_ms + 24 * 60 * 60 * 1000, [event_id], None)
    return ProfileState(
        sequence=0, events_offset=0, instances=[instance], seen={number * 0x9E3779B97F4A7C15 & (1 << 64) - 1: at_ms}
    )
