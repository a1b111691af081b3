"""How an owner takes a partition over: first it claims it, then it brings the profiles back.

Between the two lies nothing that others could write: what owners before wrote is read up to the claim.
"""

import asyncio
from collections.abc import Callable
from itertools import islice

from octyseg.engine.partition import Partition
from octyseg.engine.state import decode_state
from octyseg.log.port import Log, made_again, read_through, refuse_another
from octyseg.stages import restore
from octyseg.stages.crashpoints import Pass
from octyseg.stages.ownership import Identity, Ownership

# So many profiles are asked for the newest event they know: one whose record is still there is enough.
WITNESSES = 1_000


async def claim(
    log: Log, topic: Callable[[str], str], partition: int, identity: Identity, pass_by: Pass
) -> tuple[Ownership, restore.Restored]:
    """Become the owner, and read all that owners before wrote up to our claim; LogDamaged when some of it is gone."""
    outcomes = topic("outcomes")
    restored = await restore.read_states(log, topic("state"), partition)
    # A committed offset goes with its topic; the states know better how far its like was applied.
    for name, reached in (
        (outcomes, restored.outcomes_offset),
        (topic("events"), restored.events_offset),
        (topic("commands"), restored.commands_offset),
    ):
        await refuse_another(log, name, partition, reached, "the last flush of states")
    end = (await log.ends(outcomes, [partition]))[partition]
    await restore.read_outcomes(log, outcomes, partition, end, restored)
    await _refuse_other_events(log, topic("events"), partition, restored)
    ownership = Ownership(log, outcomes, partition, identity)
    claimed_at = await ownership.claim(restored.epoch)
    pass_by("live.claimed")
    await restore.read_outcomes(log, outcomes, partition, claimed_at, restored)
    while restored.epoch >= ownership.epoch:
        claimed_at = await ownership.claim(restored.epoch)
        await restore.read_outcomes(log, outcomes, partition, claimed_at, restored)
    for one in restored.claims:
        ownership.refuse_twin(one)
    return ownership, restored


async def _refuse_other_events(log: Log, events_topic: str, partition: int, restored: restore.Restored) -> None:
    """LogDamaged when a topic that was made again has grown beyond the old one's end.

    Every state names the event it came to last, by offset and arrival: what stands there now must be that one.
    """
    some = islice(reversed(restored.profiles.items()), WITNESSES)
    states = [(profile_id, decode_state(newest.state)) for profile_id, newest in some if newest.state is not None]
    known = [(state.events_offset, profile_id, state.arrived_at_ms) for profile_id, state in states]
    offset, profile_id, arrived_ms = max((one for one in known if one[-1]), default=(-1, "", 0))
    await refuse_another(log, events_topic, partition, offset + 1, f"profile {profile_id}")
    if (await log.starts(events_topic, [partition]))[partition] > offset:
        return  # retention took it, or nobody has come to anything
    async for record in read_through(log, events_topic, partition, offset, offset + 1):
        if (record.key, record.timestamp) != (profile_id.encode(), arrived_ms):
            seen = f"offset {offset} of {events_topic}-{partition} is not what profile {profile_id} came to there"
            raise made_again(seen)


async def bring_back(engine: Partition, restored: restore.Restored, events_offset: int, commands_offset: int) -> None:
    """Give the engine every profile as it was last written; the offsets are those the group committed."""
    engine.shelf.floor = restored.floor
    engine.committed(events_offset, commands_offset)
    engine.handled(restored.events_offset, restored.commands_offset)
    engine.following.handovers.restore(restored.adopted.values())
    for count, (profile_id, newest) in enumerate(restored.profiles.items()):
        engine.restore(profile_id, newest.state, newest.sequence, newest.events_offset, newest.commands_offset)
        if count % restore.RECORDS_BETWEEN_YIELDS == 0:
            await asyncio.sleep(0)
    engine.shelf.mark_dirty(restored.unflushed)
