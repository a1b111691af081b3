"""Dynamic segments through the live stage: how far each has come is on the log before its input is committed."""

import pytest

from octyseg.log.port import NewRecord
from octyseg.model.command import Backfill, Performed, Ready, encode, key_of
from octyseg.model.outcome import ADOPTED_KEY, MARKER_KEY, decode_adopted, decode_marker
from octyseg.model.segment import Performed as Did
from octyseg.model.segment import Segment
from tests.simulation.process import NAMESPACE
from tests.stages.workers import BOUGHT, START_MS, Town, flush

COMMANDS = NAMESPACE + "commands"
TWICE = Segment("twice", "Twice", 1, "dynamic", rule=Did(0, "buy", at_least=2, within_ms=10_000))


@pytest.fixture
async def town():
    return await Town.new()


async def adopted(town):
    return [decode_adopted(one.value) for one in await town.read("outcomes") if one.key == ADOPTED_KEY]


async def send(town, *commands):
    records = [NewRecord(key_of(command), encode(command)) for command in commands]
    await town.log.append(COMMANDS, 0, records)


async def comes_later(town, worker):
    """The segment comes when the partition has seen an event."""
    await town.event("buy")
    await worker.read()
    town.definitions[0].news = (BOUGHT, TWICE)
    await worker.tick()


async def test_a_segment_that_is_there_from_the_start_decides_at_once(town):
    worker = await town.owner(segments=(TWICE,))
    await town.event("buy")
    await town.event("buy")
    await worker.read()
    assert await town.changes() == [("added", "matched", 0)]
    assert [(one.events_offset, one.ready_offset) for one in await adopted(town)] == [(0, 0)]


async def test_one_that_comes_later_says_from_where_on_it_is_followed(town):
    worker = await town.owner(segments=(BOUGHT,))
    await comes_later(town, worker)
    assert [(one.segment_id, one.events_offset, one.ready_offset) for one in await adopted(town)] == [("twice", 1, -1)]
    await worker.tick()
    assert len(await adopted(town)) == 1


async def test_its_history_is_handed_over_and_it_goes_on_live(town):
    worker = await town.owner(segments=(BOUGHT,))
    await comes_later(town, worker)
    await send(
        town,
        Backfill("ada", "twice", 1, 1, (Performed(0, ((START_MS, 0),)),)),
        Backfill("bob", "twice", 1, 1, (Performed(0, ((START_MS, 0), (START_MS, 9))),)),
        Ready("twice", 1, 1),
    )
    await town.event("buy", created_at=START_MS)
    await worker.read()
    town.clock.now_ms += 1
    await worker.tick()
    twice = [
        (change.profile_id, change.kind, change.webhook)
        for _, outcome in await town.outcomes()
        for change in outcome.changes
        if change.segment_id == "twice"
    ]
    assert sorted(twice) == [("ada", "added", False), ("bob", "added", False)]
    assert [(one.ready_offset, one.judged) for one in await adopted(town)][1:] == [(2, False), (2, True)]


async def test_the_next_owner_knows_from_the_log_or_from_a_marker_how_far_it_had_come(town):
    first = await town.owner(segments=(BOUGHT,))
    await comes_later(town, first)
    await send(town, Ready("twice", 1, 1))
    await first.read()
    second = await town.owner(segments=(BOUGHT, TWICE), flush_every_s=0.0)
    assert second.stage._open[0].engine.following.handovers.ready == {"twice"}
    assert len(await adopted(town)) == 2
    await town.event("buy", "eve")
    await second.read()
    await flush(second)
    markers = [decode_marker(one.value) for one in await town.read("state") if one.key == MARKER_KEY]
    assert [(one.segment_id, one.judged) for one in markers[-1].adopted] == [("twice", True)]
    third = await town.owner(segments=(BOUGHT, TWICE))
    assert third.stage._open[0].engine.following.handovers.ready == {"twice"}
