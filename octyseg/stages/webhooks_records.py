"""What is written of deliveries, read back: thirty days of it, so never all of it at once."""

import heapq
import math
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


async def newest(
    log: Log, topic: str, wanted: Wanted, count: int, *, partition: int | None = None, since_s: float = 0.0
) -> list[DeliveryRecord]:
    """The last `count` records that are wanted, the oldest of them first; no more are kept in memory.

    Of one partition, or of all. What was written before `since_s` (epoch seconds) is hardly looked at: a window
    that begins before it is the last one.
    """
    found: list[Placed] = []
    numbers = range(await log.partitions(topic)) if partition is None else (partition,)
    starts, ends = await log.starts(topic, numbers), await log.ends(topic, numbers)
    for number in numbers:
        stop, window, missing, oldest_s = ends[number], _FIRST_WINDOW, count, math.inf
        while stop > starts[number] and missing > 0 and oldest_s >= since_s:
            first = max(starts[number], stop - window)
            async for one in placed(log, topic, number, first, stop):
                oldest_s = min(oldest_s, one.at_s)
                if wanted(one.record):
                    found.append(one)
                    missing -= 1
            found = heapq.nlargest(count, found)
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
