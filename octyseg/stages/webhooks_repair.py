"""Make the schedule of a partition agree with the log: catch up after a crash, or make all of it again.

The truth is `octyseg.deliveries`: what was scheduled or is to be tried again, and nothing final after it,
is due. The change itself is on `octyseg.tags`. Called under the partition's turn, before it is worked on.
"""

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from octyseg import logs, metrics
from octyseg.log.port import Log, read_through
from octyseg.model.change import from_json
from octyseg.stages.webhooks_ledger import Topics
from octyseg.stages.webhooks_records import placed, standing
from octyseg.webhooks.delivery import PENDING, Delivery, DeliveryRecord, milliseconds
from octyseg.webhooks.queue import Marker, Queue

_logger = logs.get(__name__)


async def settle(log: Log, topics: Topics, queue: Queue, partition: int, position: int) -> Marker:
    """Bring the schedule to what the log says below `position` of the tags; where its marker stands then."""
    # In this order: an owner before us may be at work still, and what it moves on meanwhile is on the log first.
    marker = await queue.marker(partition)
    ends = {topic: (await log.ends(topic, [partition]))[partition] for topic in (topics.tags, topics.deliveries)}
    if marker is None:
        return await rebuild(log, topics, queue, partition, position, cause="missing")
    if marker.tags < position:
        return await rebuild(log, topics, queue, partition, position, cause="older")
    if marker.tags > ends[topics.tags] or marker.deliveries > ends[topics.deliveries]:
        return await rebuild(log, topics, queue, partition, position, cause="other log")
    await _catch_up(log, topics, queue, partition, marker.deliveries)
    return marker._replace(deliveries=max(marker.deliveries, ends[topics.deliveries]))


async def rebuild(log: Log, topics: Topics, queue: Queue, partition: int, position: int, *, cause: str) -> Marker:
    """Make the schedule again of what is due by the log below `position` of the tags."""
    end = (await log.ends(topics.deliveries, [partition]))[partition]
    pending = await standing(log, topics.deliveries, partition, end, lambda record: record.status in PENDING)
    deliveries = await _changes_of(log, topics.tags, partition, position, pending)
    marker = Marker(position, end)
    await queue.make_again(partition, deliveries, marker)
    metrics.WEBHOOK_REBUILDS.labels(cause).inc()
    if deliveries:
        _logger.warning("schedule made again", partition=partition, cause=cause, due=len(deliveries))
    return marker


async def _changes_of(
    log: Log, topic: str, partition: int, stop: int, pending: Sequence[DeliveryRecord]
) -> list[Delivery]:
    """The pending deliveries with their changes, in the order of the tags topic."""
    by_change: dict[str, list[DeliveryRecord]] = {}
    for record in pending:
        by_change.setdefault(record.change_id, []).append(record)
    deliveries = []
    start = (await log.starts(topic, [partition]))[partition]
    async for stored in read_through(log, topic, partition, start, stop):
        try:
            change = from_json(stored.value or b"")
        except msgspec.MsgspecError:
            continue
        for record in by_change.pop(change.change_id, ()):
            profile = b"" if record.profile is None else msgspec.json.encode(record.profile)
            delivery = Delivery(
                change.change_id, record.endpoint, change.profile_id, stored.offset, stored.value or b"", profile
            )
            deliveries.append(_as_recorded(delivery, record))
    return deliveries


async def _catch_up(log: Log, topics: Topics, queue: Queue, partition: int, start: int) -> None:
    """Apply records that were written before a crash and had no effect in Redis yet."""
    end = (await log.ends(topics.deliveries, [partition]))[partition]
    newest: dict[str, DeliveryRecord] = {}
    async for _, _, _, record in placed(log, topics.deliveries, partition, start, end):
        if record.status == "scheduled":
            newest.pop(record.id, None)
        else:
            newest[record.id] = record
    if not newest:
        return
    settled = []
    for delivery in await queue.find(partition, list(newest)):
        record = newest[delivery.id]
        goes_on = _as_recorded(delivery, record) if record.status in PENDING else None
        settled.append((delivery, goes_on))
    await queue.settle(partition, settled, {}, end)


def _as_recorded(delivery: Delivery, record: DeliveryRecord) -> Delivery:
    due_at_ms = 0 if record.next_attempt_at is None else milliseconds(record.next_attempt_at)
    return replace(delivery, attempts=record.attempt, due_at_ms=due_at_ms)
