"""Compares the projection of a partition with what the log says, and names the profiles that differ.

Asked by `octyseg projection check`. It changes nothing. A stage may be writing meanwhile: profiles with
outcomes that came while it looked, or that Redis has not been given yet, are not differences.
"""

from typing import NamedTuple

from octyseg.log.port import read_through
from octyseg.projection.content import Digest, content_of
from octyseg.projection.reader import BATCH
from octyseg.stages.fold import Fold, fold
from octyseg.stages.outcomes import Entry, Fence
from octyseg.stages.repair import Projection


class Comparison(NamedTuple):
    """One partition: profiles in the log, outcomes Redis has not been given yet, ids that differ, sorted."""

    partition: int
    profiles: int
    behind: int
    differing: list[str]


async def compare(projection: Projection, partition: int, digest: Digest) -> Comparison:
    """Look at every profile on either side; `digest` takes in what Redis should hold."""
    marker = await projection.writer.marker(partition)
    reached = 0 if marker is None else marker.offset
    folded = await fold(projection.log, projection.namespace, partition)
    suspects = await _unlike(projection, folded, digest)
    async for batch in projection.reader.stored(partition):
        suspects.update(found.profile_id for found in batch if found.profile_id not in folded.states)
    if suspects:
        suspects -= await _touched(projection, partition, min(reached, folded.end))
    return Comparison(partition, len(folded.states), max(0, folded.end - reached), sorted(suspects))


async def _unlike(projection: Projection, folded: Fold, digest: Digest) -> set[str]:
    ids = list(folded.states)
    unlike = set()
    for start in range(0, len(ids), BATCH):
        batch = ids[start : start + BATCH]
        for profile_id, found in zip(batch, await projection.reader.look_up(batch), strict=True):
            expected = content_of(folded.state(profile_id))
            digest.content(profile_id, expected)
            if found is None or found.content != expected:
                unlike.add(profile_id)
    return unlike


async def _touched(projection: Projection, partition: int, start: int) -> set[str]:
    """The profiles that any outcome from `start` to the present end is about."""
    first = (await projection.log.starts(projection.outcomes, [partition]))[partition]
    end = (await projection.log.ends(projection.outcomes, [partition]))[partition]
    fence = Fence("comparison")
    touched = set()
    async for record in read_through(projection.log, projection.outcomes, partition, max(first, start), end):
        entry = fence.admit(record)
        if isinstance(entry, Entry):
            touched.add(entry.profile_id)
    return touched
