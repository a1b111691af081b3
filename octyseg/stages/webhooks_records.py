"""What is written of deliveries, read back: thirty days of it, so never all of it at once."""

import heapq
from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from octyseg import logs
from octyseg.log.port import Log, read_through
from octyseg.webhooks.delivery import PENDING, DeliveryRecord, decode_record

Wanted = Callable[[DeliveryRecord], bool]

# Records that are read at once while looking backwards: first so many, then twice as many each time, up to a bound.
_FIRST_WINDOW = 500
_WINDOW = 20_000

_logger = logs.get(__name__)


class Placed(NamedTuple):
    """A record and its place. Their order is that of time, and within a partition the log's."""

    at_s: float
    partition: int
    offset: int
    record: DeliveryRecord


async def placed(log: Log, topic: str, partition: int, start: int, stop: int) -> AsyncIterator[Placed]:
    """The records from one offset up to another, as far as they can be read."""
    async for stored in read_through(log, topic, partition, start, stop):
        try:
            record = decode_record(stored.value or b"")
        except msgspec.MsgspecError:
            _logger.warning("a record of deliveries cannot be read", partition=partition, offset=stored.offset)
        else:
            yield Placed(record.at.timestamp(), partition, stored.offset, record)


async def newest(log: Log, topic: str, wanted: Wanted, count: int) -> list[DeliveryRecord]:
    """The last `count` records that are wanted, the oldest of them first; no more are kept in memory."""
    found: list[Placed] = []
    numbers = range(await log.partitions(topic))
    starts, ends = await log.starts(topic, numbers), await log.ends(topic, numbers)
    for partition in numbers:
        stop, window, missing = ends[partition], _FIRST_WINDOW, count
        while stop > starts[partition] and missing > 0:
            first = max(starts[partition], stop - window)
            some = [one async for one in placed(log, topic, partition, first, stop) if wanted(one.record)]
            missing -= len(some)
            found = heapq.nlargest(count, [*found, *some])
            stop, window = first, min(2 * window, _WINDOW)
    return [one.record for one in reversed(found)]


async def standing(log: Log, topic: str, partition: int, end: int, chosen: Wanted) -> list[DeliveryRecord]:
    """The last record of each delivery below an offset, if it is chosen, with the profile's fields of an earlier one.

    In memory are those that are chosen or under way.
    """
    last: dict[str, DeliveryRecord] = {}
    start = (await log.starts(topic, [partition]))[partition]
    async for _, _, _, record in placed(log, topic, partition, start, end):
        earlier = last.pop(record.id, None)
        if record.status in PENDING or chosen(record):
            profile = record.profile if earlier is None or record.profile is not None else earlier.profile
            last[record.id] = replace(record, profile=profile)
    return [record for record in last.values() if chosen(record)]
