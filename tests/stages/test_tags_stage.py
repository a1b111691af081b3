import json

from octyseg.model.change import to_json
from octyseg.stages.tags import TagsStage
from tests.projection.story import NAMESPACE, Story, hand_over, new_log, read_all


async def published(log, partition=0):
    return [record for chunk in await read_all(log, "tags", partition) for batch in chunk.batches for record in batch]


async def test_every_change_is_written_in_order_under_its_profile():
    log = await new_log(partitions=2)
    story = Story(log, partition=1)
    await story.tag("ada", "gold", "new")
    await story.describe("bob", status="active")
    await story.tag("ada", "new")
    await story.forget("ada")
    await hand_over(TagsStage(log, NAMESPACE), log, partition=1)
    records = await published(log, partition=1)
    assert [record.value for record in records] == [to_json(change) for change in story.changes]
    assert {record.key for record in records} == {b"ada"}
    assert [json.loads(record.value)["kind"] for record in records] == ["added", "added", "removed", "removed"]


async def test_a_repeat_writes_the_same_ids_again():
    log = await new_log()
    story = Story(log)
    await story.tag("ada", "gold")
    for _ in range(2):
        await hand_over(TagsStage(log, NAMESPACE), log)
    first, second = [json.loads(record.value) for record in await published(log)]
    assert first == second


async def test_changes_of_an_owner_that_lost_its_partition_are_not_published():
    log = await new_log()
    story = Story(log)
    await story.claim()
    await story.tag("ada", "gold")
    await story.zombie("ada", "wrong")
    stage = TagsStage(log, NAMESPACE)
    await hand_over(stage, log)
    await story.zombie("eve", "wrong")
    await hand_over(TagsStage(log, NAMESPACE), log, start=3)
    assert [record.value for record in await published(log)] == [to_json(change) for change in story.changes]


async def test_a_chunk_without_changes_writes_nothing():
    log = await new_log()
    story = Story(log)
    await story.claim()
    await story.describe("ada", status="active")
    stage = TagsStage(log, NAMESPACE)
    await hand_over(stage, log)
    await stage.close(0)
    assert await published(log) == []
