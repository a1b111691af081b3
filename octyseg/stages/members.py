"""Who is a member of certain segments in one partition, by the newest states that its owners wrote.

The batch agent holds what it found against this. The states are the truth, not the projection: they are on the
log, they have every command in them that their owner says it has applied, and no Redis need be there.
"""

import asyncio
from collections.abc import Collection, Mapping

from octyseg.engine.catalog import Catalog
from octyseg.engine.state import decode_state
from octyseg.stages.fold import Fold

_STATES_AT_ONCE = 2_000


async def members_in(folded: Fold, catalog: Catalog, segment_ids: Collection[str]) -> dict[str, set[str]]:
    """The members of each segment; a tag of rules that are no longer in force makes none."""
    members: dict[str, set[str]] = {segment_id: set() for segment_id in segment_ids}
    states = iter(folded.states.items())
    while some := dict(pair for pair, _ in zip(states, range(_STATES_AT_ONCE), strict=False)):
        _collect(some, catalog, members)
        await asyncio.sleep(0)
    return members


def _collect(states: Mapping[str, bytes], catalog: Catalog, members: Mapping[str, set[str]]) -> None:
    for profile_id, encoded in states.items():
        for tag in decode_state(encoded).tags:
            if tag.segment_id in members and catalog.active(tag.segment_id, tag.version) is not None:
                members[tag.segment_id].add(profile_id)
