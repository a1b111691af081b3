"""The batch agent as the simulation has it: hands dynamic segments the history they were not there for.

It reads what owners appended about them, as any reader of outcomes does, and the events of the partition.
"""

from octyseg.log.port import NewRecord, read_through
from octyseg.model.command import Backfill, Performed, Ready, encode, key_of
from octyseg.model.outcome import ADOPTED_KEY, CLAIM_KEY, decode_adopted, decode_claim
from tests.simulation.oracle_dynamic import Past, leaves, readable
from tests.simulation.placing import sort_out
from tests.simulation.process import NAMESPACE


async def hand_over(log, partition, segments, rules):
    """Send what every building segment of the partition needs; how many there were."""
    came = await _all(log, "events", partition)
    events, _ = sort_out(came, partition, await log.partitions(NAMESPACE + "events"))
    building = [one for one in segments if await _is_building(log, partition, one)]
    commands = [command for segment in building for command in _commands(segment, events, len(came), rules)]
    if commands:
        records = [NewRecord(key_of(command), encode(command)) for command in commands]
        await log.append(NAMESPACE + "commands", partition, records)
    return len(building)


async def _is_building(log, partition, segment):
    """By the last word of an owner that still had the partition."""
    epoch, found = 0, None
    for record in await _all(log, "outcomes", partition):
        if record.key == CLAIM_KEY:
            epoch = max(epoch, decode_claim(record.value).epoch)
        elif record.key == ADOPTED_KEY:
            adopted = decode_adopted(record.value)
            if adopted.epoch >= epoch and adopted.segment_id == segment.segment_id:
                found = adopted
    return found is not None and found.version >= segment.matching_since and found.ready_offset < 0


def _commands(segment, events, below, rules):
    pasts = {}
    for record, read, at_ms in readable(events, rules):
        past = pasts.setdefault(read.profile_id, Past())
        known = len(past.events)
        past.take(read, at_ms)
        for event in past.events[known:]:
            event["offset"] = record.offset
    for profile_id, past in pasts.items():
        performed = [leaf for leaf in leaves(segment.rule) if hasattr(leaf, "leaf")]
        yield Backfill(
            profile_id,
            segment.segment_id,
            segment.version,
            below,
            tuple(
                Performed(leaf.leaf, tuple((one["at_ms"], one["offset"]) for one in past.done(leaf)))
                for leaf in performed
            ),
        )
    yield Ready(segment.segment_id, segment.version, below)


async def _all(log, topic, partition):
    name = NAMESPACE + topic
    end = (await log.ends(name, [partition]))[partition]
    return [one async for one in read_through(log, name, partition, 0, end)]
