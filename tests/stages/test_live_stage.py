"""The live stage as its host sees it: what is durable when a call returns, and what time does."""

import asyncio
import json

import pytest

from octyseg import metrics
from octyseg.errors import LogUnavailable
from octyseg.log.memory_faults import Faults
from tests.simulation.process import NAMESPACE
from tests.stages.workers import BOUGHT, EVENTS, LEFT, START_MS, Town, flush


@pytest.fixture
async def town():
    return await Town.new()


async def test_what_a_chunk_led_to_is_durable_when_handle_returns(town):
    worker = await town.owner()
    await town.event("buy", "ada")
    await town.event("buy", "bob")
    await town.event("noise", "eve")
    await worker.read()
    assert [profile_id for profile_id, _ in await town.outcomes()] == ["ada", "bob"]


async def test_an_event_waits_for_a_look_at_the_definitions_that_is_under_way(town, monkeypatch):
    """Who defined a segment and then sent an event must not meet a look that has not come back yet."""
    worker = await town.owner(segments=())
    definitions, shown = town.definitions[0], asyncio.Event()
    look = definitions.poll

    async def slow():
        await shown.wait()
        return await look()

    monkeypatch.setattr(definitions, "poll", slow)
    town.clock.now_ms += 1_000
    ticking = asyncio.create_task(worker.tick())
    await asyncio.sleep(0)
    definitions.news = (BOUGHT,)
    await town.event("buy", "ada")
    reading = asyncio.create_task(worker.read())
    await asyncio.sleep(0)
    assert not reading.done()
    shown.set()
    await asyncio.gather(ticking, reading)
    assert [profile_id for profile_id, _ in await town.outcomes()] == ["ada"]


async def test_a_chunk_that_comes_again_writes_nothing_again(town):
    first = await town.owner()
    await town.event("buy", event_id="e1")
    await town.event("buy")
    await first.read()
    town.clock.now_ms += 1
    second = await town.owner()
    await second.read()
    assert second.partitions == {0: 2}
    assert len(await town.outcomes()) == 1


async def test_nothing_is_due_while_records_wait(town):
    worker = await town.owner(segments=(LEFT,))
    await town.event("add")
    await worker.read()
    town.clock.now_ms += 50
    await town.event("buy")
    town.clock.now_ms += 1_000
    await worker.tick()
    assert await town.changes() == []
    await worker.read()
    await worker.tick()
    assert await town.changes() == []


async def test_a_deadline_fires_by_the_logs_time_when_all_was_applied(town):
    worker = await town.owner()
    await town.event("add")
    await worker.read()
    town.clock.now_ms += 120
    await worker.tick()
    assert await town.changes() == []
    town.clock.now_ms += 1
    await worker.tick()
    assert await town.changes() == [("added", "matched", 100)]
    _, outcome = (await town.outcomes())[-1]
    assert outcome.changes[0].detected_at_ms == town.clock.now_ms


async def test_an_idle_partition_knows_the_time_too():
    town = await Town.new(partitions=2)
    worker = town.worker()
    await worker.follow([0, 1])
    await town.event("add", partition=1)
    await worker.read()
    town.clock.now_ms += 500
    await worker.tick()
    assert {held.engine.clock_ms for held in worker.stage._open.values()} == {START_MS + 500}


class Unreachable(Faults):
    def before(self, call, topic):
        if call == "ends":
            raise LogUnavailable("ends: nobody answers")


async def test_time_stands_still_while_the_log_does_not_answer(town):
    worker = await town.owner()
    await town.event("add")
    await worker.read()
    town.clock.now_ms += 500
    town.log.faults = Unreachable()
    with pytest.raises(LogUnavailable):
        await worker.tick()
    town.log.faults = None
    assert await town.changes() == []


async def test_the_time_is_asked_seldom_but_soon_where_something_is_due():
    town = await Town.new(partitions=2)
    worker = town.worker(ask_every_s=1.0, ask_when_due_every_s=0.05)
    await worker.follow([0, 1])
    await town.event("add", "p0")
    await worker.read()
    asked = []
    question = town.log.ends_as_of

    async def ends_as_of(topics, numbers):
        asked.append((town.clock.now_ms - START_MS, [topic.removeprefix(NAMESPACE) for topic in topics], numbers))
        return await question(topics, numbers)

    town.log.ends_as_of = ends_as_of
    for _ in range(101):
        await worker.tick()
        town.clock.now_ms += 10
    everywhere = ["events"], [0, 1]
    assert asked == [(0, *everywhere), (130, ["events"], [0]), (1000, *everywhere)]
    assert await town.changes() == [("added", "matched", 100)]


async def test_a_sweep_goes_on_as_soon_as_a_deadline_would(town):
    worker = await town.owner(ask_every_s=60.0, ask_when_due_every_s=0.05, sweep_batch=2)
    for number in range(5):
        await town.event("buy", f"p{number}")
    await worker.read()
    await worker.tick()
    town.definitions[0].news = (LEFT,)
    for _ in range(3):
        town.clock.now_ms += 60
        await worker.tick()
    assert len([one for one in await town.changes() if one[1] == "definition_deleted"]) == 5


async def test_refused_records_are_dead_letters_byte_for_byte_and_their_neighbours_are_not(town):
    worker = await town.owner()
    await town.record(b"ada", b"\xff not json")
    await town.event("buy")
    await town.record(b"bob", json.dumps({"profile_id": "ada", "event_type": "buy", "event_properties": {}}).encode())
    await worker.read()
    first, second = await town.read("deadletter")
    assert (first.key, first.value) == (b"ada", b"\xff not json")
    headers = dict(first.headers)
    assert (headers["reason"], headers["stage"], headers["topic"]) == (b"not_utf8", b"live", EVENTS.encode())
    assert (headers["partition"], headers["offset"]) == (b"0", b"0")
    assert headers["error"]
    assert dict(second.headers)["reason"] == b"key_mismatch"
    assert await town.changes() == [("added", "matched", 0)]


async def test_a_deletion_is_swept_in_bounded_batches_and_told_once(town):
    worker = await town.owner(sweep_batch=2)
    for number in range(5):
        await town.event("buy", f"p{number}")
    await worker.read()
    deleted = BOUGHT.__class__("bought", "Bought", 1, "live", steps=BOUGHT.steps, deleted=True)
    town.definitions[0].news = (deleted, LEFT)
    removed = []
    for _ in range(4):
        town.clock.now_ms += 10
        await worker.tick()
        removed.append(len([one for one in await town.changes() if one[1] == "definition_deleted"]))
    assert removed == [2, 4, 5, 5]
    assert [swept.segment_ids for swept in await town.swept()] == [("bought",)]


async def test_a_partition_opens_under_the_definitions_of_now(town):
    worker = town.worker()
    await worker.follow([])
    town.definitions[0].news = (LEFT,)
    await worker.follow([0])
    await town.event("buy")
    await worker.read()
    assert await town.changes() == []


async def test_nothing_is_written_by_a_tick_that_a_close_overtook(town):
    worker = await town.owner()
    await town.event("add")
    await worker.read()
    town.clock.now_ms += 500
    held = worker.stage._open[0]
    await held.lock.acquire()
    ticking = asyncio.create_task(worker.stage._pass_time_of(held, town.clock.now_ms))
    closing = asyncio.create_task(worker.close(0))
    await asyncio.sleep(0)
    held.lock.release()
    await asyncio.gather(ticking, closing)
    assert await town.changes() == []


async def test_a_partition_that_is_not_ours_any_more_can_be_closed_again(town):
    worker = await town.owner(flush_every_s=0.0)
    await flush(worker)
    await worker.close(0)
    await worker.close(0)
    assert worker.stage._open == {}


async def test_of_a_partition_that_was_closed_this_process_tells_nothing_more(town):
    def told():
        gauges = (metrics.CLOCK_LAG_SECONDS, metrics.PROFILES, metrics.WAITING_PROFILES)
        samples = [sample for gauge in gauges for sample in gauge.collect()[0].samples]
        return [sample.name for sample in samples if sample.labels["partition"] == "0"]

    worker = await town.owner()
    await town.event("add")
    await worker.read()
    await worker.stage.tick()
    assert told() == ["octyseg_clock_lag_seconds", "octyseg_profiles", "octyseg_waiting_profiles"]
    await worker.close(0)
    assert told() == []


@pytest.mark.parametrize("how", ["a tick", "a record after a silence", "a silence between two records"])
async def test_what_is_due_at_one_instant_is_told_part_by_part(town, how):
    """As it was, a quarter of a million deadlines of one minute held the loop for five seconds, heartbeats too."""
    worker = await town.owner(segments=(LEFT,), due_at_once=2)
    for number in range(5):
        await town.event("add", f"p{number}")
    await worker.read()
    sizes, append = [], town.log.append

    async def noted(topic, partition, records):
        sizes.append(len(records))
        return await append(topic, partition, records)

    if how == "a silence between two records":
        await town.event("noise")
    town.clock.now_ms += 500
    if how == "a tick":
        town.log.append = noted
        await worker.tick()
    else:
        await town.event("noise")
        town.log.append = noted
        await worker.read()
    assert sizes == [2, 2, 1]
    assert await town.changes() == [("added", "matched", 100)] * 5
