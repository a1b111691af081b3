"""A merge over two partitions through the live stage: what is sent is on the log before its input may be committed."""

import json

import pytest

from octyseg.log.port import NewRecord
from octyseg.model.placement import partition_of
from octyseg.model.segment import Performed as Did
from octyseg.model.segment import Segment
from tests.simulation.process import NAMESPACE
from tests.simulation.triggers import Crashed
from tests.stages.workers import BOUGHT, Town

TWICE = Segment("twice", "Twice", 1, "dynamic", rule=Did(0, "buy", at_least=2, at_most=2))
CHILD, PARENT = "p6", "p0"


@pytest.fixture
async def town():
    return await Town.new(partitions=2)


async def own(town, pass_by=None):
    worker = town.worker(segments=(BOUGHT, TWICE))
    if pass_by is not None:
        worker.stage._pass_by = pass_by
    await worker.follow([0, 1])
    return worker


async def say(town, profile, **fields):
    record = NewRecord(profile.encode(), json.dumps({"profile_id": profile, **fields}).encode())
    await town.log.append(NAMESPACE + "events", partition_of(profile, 2), [record])


async def story(town):
    await say(town, CHILD, event_type="buy", event_properties={})
    await say(town, PARENT, event_type="buy", event_properties={})
    await say(town, CHILD, type="merge", into=PARENT)


async def read_on(worker):
    for _ in range(4):
        await worker.read()


async def changes(town, partition):
    decided = [change for _, outcome in await town.outcomes(partition) for change in outcome.changes]
    return [(change.segment_id, change.kind, change.reason, change.webhook) for change in decided]


async def test_child_and_parent_have_different_writers(town):
    worker = await own(town)
    await story(town)
    for _ in range(3):
        await worker.read()
    assert await changes(town, 1) == [("bought", "added", "matched", True), ("bought", "removed", "merged", False)]
    assert await changes(town, 0) == [("bought", "added", "matched", True), ("twice", "added", "merged", False)]
    await say(town, CHILD, event_type="buy", event_properties={})
    for _ in range(2):
        await worker.read()
    assert (await changes(town, 0))[2:] == [
        ("bought", "refreshed", "matched", True),
        ("twice", "removed", "no_longer_matches", True),
    ]


@pytest.mark.parametrize("point", ["live.decided", "live.sent", "live.written"])
async def test_who_dies_on_the_way_loses_nothing_and_doubles_nothing(town, point):
    def die(here):
        if here == point:
            raise Crashed(here)

    first = await own(town, die)
    await story(town)
    with pytest.raises(Crashed):
        await read_on(first)
    await read_on(await own(town))
    assert sorted((await changes(town, 0))[-2:]) == [
        ("bought", "added", "matched", True),
        ("twice", "added", "merged", False),
    ]
