"""Ends the deletion of segments: their names are free once every partition has said that no tag is left.

Called by the projection stage, which collects what partitions say. Repeats and two stages that
see the last word at once write the same record again.
"""

from collections.abc import Iterable

from octyseg.log.port import NewRecord
from octyseg.model.definitions.deletion import swept
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.repair import Projection


async def end_deletions(projection: Projection, segment_ids: Iterable[str], now_ms: int) -> None:
    """Write the end of those deletions that all partitions have confirmed."""
    confirmed = [
        segment_id
        for segment_id in segment_ids
        if len(await projection.reader.swept(segment_id)) >= projection.reader.partitions
    ]
    if not confirmed:
        return
    topic = projection.namespace + "definitions"
    follower = CatalogFollower(projection.log, topic)
    await follower.start()
    await follower.close()
    records = swept(follower.registry, confirmed, now_ms=now_ms)
    if records:
        await projection.log.append(topic, 0, [NewRecord(key, value) for key, value in records])
