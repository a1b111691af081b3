"""The live stage's second input: commands, which belong to the same profiles and are not the same log."""

import pytest

from octyseg.engine.state import decode_state
from octyseg.log.port import NewRecord
from octyseg.model.command import Membership, encode, key_of
from octyseg.model.segment import Segment
from octyseg.stages.catalog import CatalogFollower
from tests.simulation.process import NAMESPACE
from tests.stages.workers import BOUGHT, LEFT, START_MS, Town, flush

COMMANDS = NAMESPACE + "commands"
GUESTS = Segment("guests", "Guests", 1, "static")
STORED = (
    b'{"segmentId": "segment_00000001", "version": 1, "matchingSince": 1, "createdAtMs": 1, "updatedAtMs": 1, '
    b'"definition": {"segmentName": "Guests", "segmentType": "static"}}'
)


@pytest.fixture
async def town():
    return await Town.new()


async def ask(town, profile_id="ada", member=True, anchor="u1", segment_id="guests"):
    reason = "imported" if member else "removed_by_user"
    command = Membership(profile_id, segment_id, 1, member, reason, town.clock.now_ms, anchor)
    await town.log.append(COMMANDS, 0, [NewRecord(key_of(command), encode(command))])


async def test_commands_and_events_of_a_profile_have_one_writer(town):
    worker = await town.owner(segments=(BOUGHT, GUESTS))
    await town.event("buy")
    await ask(town)
    await worker.read()
    assert await town.changes() == [("added", "matched", 0), ("added", "imported", 0)]
    _, outcome = (await town.outcomes())[-1]
    assert (outcome.events_offset, outcome.commands_offset, outcome.sequence) == (0, 0, 2)


async def test_a_command_that_comes_again_to_another_owner_changes_nothing(town):
    first = await town.owner(segments=(GUESTS,))
    await ask(town)
    await ask(town, member=False, anchor="u2")
    await first.read()
    town.clock.now_ms += 1
    second = await town.owner(segments=(GUESTS,))
    await second.read()
    assert second.positions[COMMANDS, 0] == 2
    assert len(await town.changes()) == 2


async def test_a_flush_covers_both_inputs(town):
    first = await town.owner(segments=(GUESTS,), flush_every_s=0.0)
    await ask(town)
    await ask(town, "bob", member=False)
    await first.read()
    await flush(first)
    restored = await town.restored()
    assert (restored.events_offset, restored.commands_offset) == (0, 2)
    assert decode_state(restored.profiles["ada"].state).commands_offset == 0


async def test_time_does_not_wait_for_commands_nor_run_ahead_with_them(town):
    worker = await town.owner(segments=(LEFT, GUESTS))
    await town.event("add")
    await worker.read()
    town.clock.now_ms += 50
    await town.event("buy", created_at=town.clock.now_ms)
    town.clock.now_ms += 1_000
    await ask(town)
    worker._reader.drop(NAMESPACE + "events", 0)
    await worker.read()
    await worker.tick()
    assert await town.changes() == [("added", "imported", 1_050)]


async def test_bad_commands_are_dead_letters_and_their_neighbours_are_not(town):
    worker = await town.owner(segments=(GUESTS, LEFT))
    await town.log.append(COMMANDS, 0, [NewRecord(b"ada", b"not json")])
    await ask(town, segment_id="left")
    await ask(town)
    await worker.read()
    first, second = (dict(one.headers) for one in await town.read("deadletter"))
    assert (first["reason"], first["topic"], first["offset"]) == (b"bad_json", COMMANDS.encode(), b"0")
    assert (second["reason"], second["offset"]) == (b"bad_field", b"1")
    assert await town.changes() == [("added", "imported", 0)]


async def test_who_obeys_a_command_knows_the_definitions_of_whoever_sent_it(town):
    worker = town.worker(follow_every_s=1e6)
    worker.stage._catalog = CatalogFollower(town.log, NAMESPACE + "definitions")
    await worker.follow([0])
    await town.log.append(NAMESPACE + "definitions", 0, [NewRecord(b"segments/segment_00000001", STORED)])
    await ask(town, segment_id="segment_00000001")
    await worker.read()
    assert await town.changes() == [("added", "imported", town.clock.now_ms - START_MS)]
