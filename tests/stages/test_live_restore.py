"""What an owner leaves on `state` and `outcomes`, and what the next one makes of it."""

import pytest
from msgspec.structs import replace

from octyseg.engine.state import ProfileState, decode_state, encode_state
from octyseg.errors import LogDamaged
from octyseg.log.port import Chunk, NewRecord
from octyseg.model.outcome import (
    EPOCH_HEADER,
    FLOOR_KEY,
    MARKER_KEY,
    Marker,
    StateRecord,
    decode_floor,
    decode_marker,
    encode,
)
from octyseg.stages.restore import read_states
from tests.simulation.process import NAMESPACE
from tests.stages.workers import EVENTS, LEFT, START_MS, Town, flush

STATE = NAMESPACE + "state"


@pytest.fixture
async def town():
    return await Town.new()


async def owner_that_knows(town, *profiles, **config):
    worker = await town.owner(flush_every_s=0.0, **config)
    for profile in profiles:
        await town.event("buy", profile)
    await worker.read()
    return worker


async def test_a_flush_writes_changed_states_and_then_what_they_cover(town):
    worker = await owner_that_knows(town, "ada", "bob")
    await flush(worker)
    *states, marker = await town.read("state")
    assert {record.key for record in states} == {b"ada", b"bob"}
    end = (await town.log.ends(NAMESPACE + "outcomes", [0]))[0]
    assert decode_marker(marker.value) == Marker(1, end, 2, 0, 0)
    await flush(worker)
    assert len(await town.read("state")) == 3


async def test_a_forgotten_profile_leaves_a_tombstone_behind_the_floor_of_its_sequence(town):
    worker = await town.owner(segments=(LEFT,), flush_every_s=0.0)
    await town.event("add")
    await town.event("buy")
    await worker.read()
    await flush(worker)
    await worker.commit()
    for _ in range(2):
        town.clock.now_ms += 500
        await flush(worker)
    floor, tombstone, marker = (await town.read("state"))[-3:]
    assert (floor.key, decode_floor(floor.value).floor) == (FLOOR_KEY, 0)
    assert (tombstone.key, tombstone.value, tombstone.headers) == (b"ada", None, ((EPOCH_HEADER, b"1"),))
    assert marker.key == MARKER_KEY
    town.log.compact()
    assert (await town.restored()).profiles == {}


async def test_how_far_an_erased_profile_had_come_is_kept_until_its_input_is_committed(town):
    worker = await owner_that_knows(town, "ada")
    await town.record(b"ada", b'{"type": "erase", "profile_id": "ada"}')
    await worker.read()
    town.clock.now_ms += 500
    await flush(worker)
    town.log.compact()
    town.clock.now_ms += 1
    successor = await town.owner(flush_every_s=0.0)
    await successor.read()
    assert [outcome.epoch for _, outcome in await town.outcomes()] == [1, 1]
    await successor.commit()
    for _ in range(2):
        town.clock.now_ms += 500
        await flush(successor)
    assert (await town.read("state"))[-2].value is None
    await town.event("buy")
    await successor.read()
    _, outcome = (await town.outcomes())[-1]
    assert outcome.sequence == 4


async def test_a_new_owner_goes_on_where_the_old_one_was(town):
    worker = await town.owner(flush_every_s=0.0)
    await town.event("add", "ada")
    await worker.read()
    await flush(worker)
    await town.event("add", "bob")
    await worker.read()
    town.clock.now_ms += 200
    successor = await town.owner()
    await successor.read()
    await successor.tick()
    assert await town.changes() == [("added", "matched", 100), ("added", "matched", 100)]


async def test_the_end_of_a_flush_by_an_owner_that_was_put_out_changes_nothing(town):
    worker = await owner_that_knows(town, "ada")
    await flush(worker)
    town.clock.now_ms += 1
    successor = await owner_that_knows(town, "ada", "bob", slot=1)
    await flush(successor)
    older = encode(StateRecord(1, encode_state(ProfileState(sequence=1))))
    bob = NewRecord(b"bob", None, ((EPOCH_HEADER, b"1"),))
    await town.log.append(STATE, 0, [NewRecord(b"ada", older), bob])
    known = await read_states(town.log, STATE, 0)
    assert decode_state(known.profiles["ada"].state).sequence == 2
    assert known.profiles["bob"].state is not None
    assert known.outcomes_offset == 0


async def test_one_profile_is_read_back_as_it_is_among_all(town):
    worker = await owner_that_knows(town, "ada")
    await flush(worker)
    successor = await owner_that_knows(town, "ada", "bob", slot=1)
    await flush(successor)
    await town.log.append(STATE, 0, [NewRecord(b"bob", None, ((EPOCH_HEADER, b"1"),))])
    known = await read_states(town.log, STATE, 0)
    for profile_id in ("ada", "bob"):
        alone = await read_states(town.log, STATE, 0, profile_id)
        assert alone == replace(known, profiles={profile_id: known.profiles[profile_id]}, only=profile_id)


async def test_what_it_overwrote_is_read_from_outcomes_and_written_again(town):
    worker = await owner_that_knows(town, "ada")
    await flush(worker)
    successor = await owner_that_knows(town, "ada", "bob", slot=1)
    await flush(successor)
    await town.log.append(STATE, 0, [NewRecord(b"bob", None, ((EPOCH_HEADER, b"1"),))])
    town.log.compact()
    restored = await town.restored()
    assert decode_state(restored.profiles["bob"].state).tags
    assert decode_state(restored.profiles["ada"].state).sequence == 2
    await flush(successor)
    known = await read_states(town.log, STATE, 0)
    assert decode_state(known.profiles["bob"].state).tags
    assert known.outcomes_offset > 0


async def test_input_that_a_flush_covers_is_not_applied_again_to_who_was_forgotten(town):
    worker = await town.owner(segments=(LEFT,), flush_every_s=0.0)
    await town.event("add")
    await town.event("buy")
    await worker.read()
    await worker.commit()
    for _ in range(3):
        town.clock.now_ms += 500
        await flush(worker)
    town.log.compact()
    late = town.worker(slot=1, segments=(LEFT,))
    await late.stage.open(0, {NAMESPACE + "events": 0})
    late._reader.seek(NAMESPACE + "events", 0, 0)
    known = len(await town.outcomes())
    await late.read()
    assert len(await town.outcomes()) == known
    assert len(late.stage._open[0].engine) == 0


async def test_a_state_of_a_newer_octyseg_is_refused_and_not_guessed(town):
    strange = ProfileState(format=99)
    await town.log.append(STATE, 0, [NewRecord(b"ada", encode(StateRecord(1, encode_state(strange))))])
    with pytest.raises(ValueError, match="format 99"):
        await town.owner()


async def test_records_of_one_arrival_stay_together_over_a_restart(town):
    worker = await town.owner(segments=(LEFT,))
    town.clock.now_ms += 300
    await town.event("add", created_at=START_MS)
    await town.event("buy", created_at=START_MS + 50)
    add, buy = await town.read("events")
    await worker.stage.handle(Chunk(EVENTS, 0, (iter([add]),), 1))
    town.clock.now_ms += 1
    successor = await town.owner(segments=(LEFT,))
    await successor.stage.handle(Chunk(EVENTS, 0, (iter([buy]),), 2))
    town.clock.now_ms += 500
    await successor.tick()
    assert await town.changes() == []


@pytest.mark.parametrize("topic", ["events", "commands", "outcomes"])
async def test_a_topic_that_was_made_again_is_not_taken_for_the_one_that_was_read(town, topic):
    """As it was, what came to it was taken for repeats, or its outcomes were not read."""
    worker = await owner_that_knows(town, "ada", "bob")
    await town.log.append(NAMESPACE + "commands", 0, [NewRecord(b"ada", b"no command")] * 2)
    await worker.read()
    await flush(worker)
    place = NAMESPACE + topic, 0
    town.log._stored[place] = type(town.log._stored[place])()
    with pytest.raises(LogDamaged, match=f"{place[0]}-0 ends at offset 0 and the last flush of states has come to"):
        await town.owner()
    claims = await town.claims()
    assert len(claims) == (0 if topic == "outcomes" else 1), "nobody claimed it"


@pytest.mark.parametrize("is_flushed", [True, False])
@pytest.mark.parametrize("events", [0, 1, 2, 5])
async def test_events_that_were_made_again_are_known_by_what_stands_at_an_offset(town, events, is_flushed):
    """As it was, a topic that had grown beyond its old end was taken for the one that was read."""
    worker = await owner_that_knows(town, "ada", "bob")
    if is_flushed:
        await flush(worker)
    place = EVENTS, 0
    town.log._stored[place] = type(town.log._stored[place])()
    town.clock.now_ms += 1
    for _ in range(events):
        await town.event("buy", "bob")
    told = "is not what profile bob came to there" if events >= 2 else f"ends at offset {events} and .* has come to 2"
    with pytest.raises(LogDamaged, match=told):
        await town.owner()
    assert len(await town.claims()) == 1, "nobody claimed it"


@pytest.mark.parametrize("taken", [0, 1, 2])
async def test_events_that_retention_took_are_not_missed(town, taken):
    worker = await town.owner()
    for profile in ("ada", "bob"):
        await town.event("buy", profile)
        town.clock.now_ms += 10
    await worker.read()
    assert town.log._stored[EVENTS, 0].drop_before(START_MS + 10 * taken) == taken
    await town.owner()
    assert len(await town.claims()) == 2


async def test_a_record_of_somebody_else_among_outcomes_is_passed_over_or_named(town):
    await owner_that_knows(town, "ada")
    await town.log.append(NAMESPACE + "outcomes", 0, [NewRecord(None, b"hello"), NewRecord(b"ada", None)])
    assert list((await town.restored()).profiles) == ["ada"]
    offset = (await town.log.append(NAMESPACE + "outcomes", 0, [NewRecord(b"ada", b"hello")])).first_offset
    with pytest.raises(LogDamaged, match=f"outcome at offset {offset} cannot be read"):
        await town.owner()
