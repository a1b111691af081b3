"""What is written of deliveries, read back for people: thirty days of it, so never all of it at once."""

import heapq
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from octyseg.log.port import Log, read_through
from octyseg.webhooks.delivery import PENDING, DeliveryRecord, decode_record

Wanted = Callable[[DeliveryRecord], bool]

# Records that are read at once while looking backwards: first so many, then twice as many each time, up to a bound.
_FIRST_WINDOW = 500
_WINDOW = 20_000


class Placed(NamedTuple):
    """A record and its place. Their order is that of time, and within a partition the log's."""

    at_s: float
    partition: int
    offset: int
    record: DeliveryRecord


async def newest(log: Log, topic: str, wanted: Wanted, count: int) -> list[DeliveryRecord]:
    """The last `count` records that are wanted, the oldest of them first; no more are kept in memory."""
    found: list[Placed] = []
    numbers = range(await log.partitions(topic))
    starts, ends = await log.starts(topic, numbers), await log.ends(topic, numbers)
    for partition in numbers:
        stop, window, missing = ends[partition], _FIRST_WINDOW, count
        while stop > starts[partition] and missing > 0:
            first = max(starts[partition], stop - window)
            some = [one async for one in _read(log, topic, partition, first, stop) if wanted(one.record)]
            missing -= len(some)
            found = heapq.nlargest(count, [*found, *some])
            stop, window = first, min(2 * window, _WINDOW)
    return [one.record for one in reversed(found)]


async def standing(log: Log, topic: str, chosen: Wanted) -> AsyncIterator[tuple[int, DeliveryRecord]]:
    """The last record of each delivery, if it is chosen, with its partition and the profile's fields of an earlier one.

    In memory are those of one partition that are chosen or under way.
    """
    numbers = range(await log.partitions(topic))
    starts, ends = await log.starts(topic, numbers), await log.ends(topic, numbers)
    for partition in numbers:
        last: dict[str, DeliveryRecord] = {}
        async for placed in _read(log, topic, partition, starts[partition], ends[partition]):
            record = placed.record
            earlier = last.pop(record.id, None)
            if earlier is not None and record.profile is None:
                record = replace(record, profile=earlier.profile)
            if record.status in PENDING or chosen(record):
                last[record.id] = record
        for record in last.values():
            if chosen(record):
                yield partition, record


async def _read(log: Log, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Placed]:
    """What of it can be read."""
    async for stored in read_through(log, topic, partition, start, stop):
        try:
            record = decode_record(stored.value or b"")
        except msgspec.MsgspecError:
            continue
        yield Placed(record.at.timestamp(), partition, stored.offset, record)
