"""Send deliveries again that were given up: by their change, by time, or all of an endpoint.

Asked by a person. A replay is a record on `octyseg.deliveries` and an entry of the retry lane, so the
workers find it by themselves; it has all ten attempts before it, under the same webhook-id.
"""

import msgspec

from octyseg.log.port import Log, NewRecord, read_through
from octyseg.model.change import from_json
from octyseg.stages.webhooks_ledger import Topics
from octyseg.stages.webhooks_records import Wanted, standing
from octyseg.webhooks.delivery import Delivery, DeliveryRecord, Status, encode_record, instant
from octyseg.webhooks.queue import Queue

GIVEN_UP: frozenset[Status] = frozenset({"exhausted", "disabled"})
BATCH = 500


async def replay(log: Log, topics: Topics, queue: Queue, chosen: Wanted, now_ms: int) -> list[DeliveryRecord]:
    """Schedule again every delivery whose last record is chosen; the records that say so."""
    wanted: dict[int, dict[str, list[DeliveryRecord]]] = {}
    numbers = range(await log.partitions(topics.deliveries))
    for partition, end in (await log.ends(topics.deliveries, numbers)).items():
        for record in await standing(log, topics.deliveries, partition, end, chosen):
            # What waits for its first attempt is on its way, in its profile's order.
            if record.status != "scheduled":
                wanted.setdefault(partition, {}).setdefault(record.change_id, []).append(record)
    replayed: list[DeliveryRecord] = []
    for partition, by_change in wanted.items():
        deliveries = await _found(log, topics, partition, by_change, now_ms)
        for start in range(0, len(deliveries), BATCH):
            batch = deliveries[start : start + BATCH]
            records = [_again(one, now_ms) for one in batch]
            new = [NewRecord(one.change_id.encode(), encode_record(one)) for one in records]
            await log.append(topics.deliveries, partition, new)
            await queue.replay(partition, batch)
            replayed += records
    return replayed


async def _found(
    log: Log, topics: Topics, partition: int, by_change: dict[str, list[DeliveryRecord]], now_ms: int
) -> list[Delivery]:
    """The deliveries with their changes, as far as retention left those on the tags topic."""
    start = (await log.starts(topics.tags, [partition]))[partition]
    end = (await log.ends(topics.tags, [partition]))[partition]
    deliveries = []
    async for stored in read_through(log, topics.tags, partition, start, end):
        value = bytes(stored.value or b"")
        try:
            change = from_json(value)
        except msgspec.MsgspecError:
            continue
        for record in by_change.pop(change.change_id, ()):
            profile = b"" if record.profile is None else msgspec.json.encode(record.profile)
            deliveries.append(
                Delivery(
                    change.change_id,
                    record.endpoint,
                    change.profile_id,
                    stored.offset,
                    value,
                    profile,
                    due_at_ms=now_ms,
                )
            )
    return deliveries


def _again(delivery: Delivery, now_ms: int) -> DeliveryRecord:
    return DeliveryRecord(
        change_id=delivery.change_id,
        endpoint=delivery.endpoint,
        profile_id=delivery.profile_id,
        status="scheduled",
        at=instant(now_ms),
        next_attempt_at=instant(now_ms),
        message="replayed",
        profile=msgspec.json.decode(delivery.profile) if delivery.profile else None,
    )
