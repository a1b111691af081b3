from octyseg.log.port import NewRecord
from octyseg.model.definitions.deletion import plan_delete
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.ids import id_of_name
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.projection import ProjectionStage
from tests.projection.story import NAMESPACE, START_MS, Story, hand_over, new_log, projection_of

SEGMENT = b"""
kind: segments
segmentDefinitions:
  - {segmentName: gold, segmentType: live, segmentSubType: 1, segmentTimeframe: 0,
     eventSequence: [{eventType: charged, expTimeframe: 0, actionInaction: action}]}
"""


async def write(log, plan):
    for key, value in plan.records():
        await log.append(NAMESPACE + "definitions", 0, [NewRecord(key, value)])


async def registry_of(log):
    follower = CatalogFollower(log, NAMESPACE + "definitions")
    await follower.start()
    await follower.close()
    return follower.registry


async def pending_deletion(partitions):
    """A log with one segment that is being deleted."""
    log = await new_log(partitions)
    desired = read_definitions(SEGMENT, "test")
    await write(log, plan(Registry(), desired, now_ms=START_MS, new_id=lambda: id_of_name("gold")))
    await write(log, plan_delete(await registry_of(log), ["gold"], now_ms=START_MS))
    return log, id_of_name("gold")


async def test_a_deletion_ends_when_the_last_partition_has_confirmed(redis):
    log, segment_id = await pending_deletion(partitions=2)
    stage = ProjectionStage(projection_of(log, redis, partitions=2))
    for partition, status in ((0, "pending_deletion"), (1, "deleted")):
        story = Story(log, partition)
        await story.swept(segment_id)
        await hand_over(stage, log, partition)
        assert (await registry_of(log)).history()[0].status == status


async def test_a_repeated_confirmation_writes_nothing_more(redis):
    log, segment_id = await pending_deletion(partitions=1)
    story = Story(log)
    await story.swept(segment_id)
    stage = ProjectionStage(projection_of(log, redis))
    await hand_over(stage, log)
    ends = await log.ends(NAMESPACE + "definitions", [0])
    await hand_over(stage, log)
    assert await log.ends(NAMESPACE + "definitions", [0]) == ends
