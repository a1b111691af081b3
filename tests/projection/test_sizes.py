from prometheus_client import REGISTRY

from octyseg.log.port import NewRecord
from octyseg.model.definitions.deletion import plan_delete
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.ids import id_of_name
from octyseg.stages import projection as projecting
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.projection import ProjectionStage
from tests.projection.story import NAMESPACE, START_MS, Story, hand_over, new_log, projection_of

SEGMENTS = b"""
kind: segments
segmentDefinitions:
  - {segmentName: gold, segmentType: live, segmentSubType: 1, segmentTimeframe: 0,
     eventSequence: [{eventType: charged, expTimeframe: 0, actionInaction: action}]}
  - {segmentName: lonely, segmentType: live, segmentSubType: 1, segmentTimeframe: 0,
     eventSequence: [{eventType: missed, expTimeframe: 0, actionInaction: action}]}
"""


def told():
    """Members by the names of segments, as Prometheus is given them."""
    (metric,) = (one for one in REGISTRY.collect() if one.name == "octyseg_segment_members")
    return {sample.labels["segment"]: sample.value for sample in metric.samples}


async def define(log, planned):
    for key, value in planned.records():
        await log.append(NAMESPACE + "definitions", 0, [NewRecord(key, value)])


async def defined(partitions):
    """A log with two segments."""
    log, names = await new_log(partitions), iter(("gold", "lonely"))
    desired = read_definitions(SEGMENTS, "test")
    await define(log, plan(Registry(), desired, now_ms=START_MS, new_id=lambda: id_of_name(next(names))))
    return log


def stage_of(log, redis, partitions=1):
    follower = CatalogFollower(log, NAMESPACE + "definitions")
    return ProjectionStage(projection_of(log, redis, partitions=partitions), follower=follower)


async def test_the_members_of_each_segment_in_force_are_told_and_withdrawn(redis, monkeypatch):
    monkeypatch.setattr(projecting, "LOOK_EVERY_S", 0.0)
    log = await defined(partitions=1)
    story = Story(log)
    await story.tag("ada", id_of_name("gold"))
    await story.tag("bob", id_of_name("gold"))
    stage = stage_of(log, redis)
    await stage.start()
    await hand_over(stage, log)
    await stage.tick()
    assert told() == {"gold": 2, "lonely": 0}
    follower = CatalogFollower(log, NAMESPACE + "definitions")
    await follower.start()
    await define(log, plan_delete(follower.registry, ["lonely"], now_ms=START_MS))
    await follower.close()
    await stage.tick()
    assert told() == {"gold": 2}
    await stage.close(0)
    await stage.tick()
    assert told() == {}
    await stage.stop()


async def test_only_who_has_the_first_partition_tells(redis):
    log = await defined(partitions=2)
    await Story(log, 1).tag("ada", id_of_name("gold"))
    stage = stage_of(log, redis, partitions=2)
    await stage.start()
    await hand_over(stage, log, 1)
    await stage.tick()
    assert told() == {}
    await stage.open(0, {NAMESPACE + "outcomes": 0})
    await stage.tick()
    assert told() == {"gold": 1, "lonely": 0}
    await stage.close(0)
    await stage.stop()


async def test_what_was_counted_while_the_partition_went_is_not_told(redis, monkeypatch):
    log = await defined(partitions=1)
    stage = stage_of(log, redis)
    await stage.start()
    await stage.open(0, {NAMESPACE + "outcomes": 0})
    counts = type(stage._projection.reader).counts

    async def slow(reader):
        found = await counts(reader)
        await stage.close(0)
        return found

    monkeypatch.setattr(type(stage._projection.reader), "counts", slow)
    await stage.tick()
    assert told() == {}
    await stage.stop()
