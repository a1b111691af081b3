"""When a worker that lives is taken for dead, and when it is not."""

import asyncio
import time

import pytest

from octyseg import metrics
from octyseg.errors import LogUnavailable
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, TopicSpec
from topologies.watchdog import Watchdog

PLACE = ("events", 0)


class Desk:
    def __init__(self):
        self.log = MemoryLog(lambda: 1_000)
        self.idle = {0}
        self.committed = {PLACE: None}
        self.ended = []
        self.ended_once = asyncio.Event()
        self.asked_again = []
        self.watchdog = Watchdog(
            "noting",
            self.log,
            idle=lambda: self.idle,
            progress=lambda: self.committed,
            end=self.end,
            read_again=self.read_again,
            stall_s=15.0,
        )

    def end(self, why):
        self.ended.append(why)
        self.ended_once.set()

    async def read_again(self, place):
        self.asked_again.append(place)

    async def look(self, times):
        for _ in range(times):
            await self.watchdog.look()


@pytest.fixture
async def desk():
    desk = Desk()
    await desk.log.create_topics([TopicSpec("events", 1, compacted=False, retention_ms=-1)])
    await desk.log.append("events", 0, [NewRecord(b"k", b"v")] * 10)
    return desk


async def test_an_offset_that_stands_still_before_records_ends_the_worker(desk):
    await desk.look(2)
    assert desk.ended == []
    await desk.look(1)
    assert desk.ended == ["events-0 stands at offset None while 10 records wait: start again"]
    assert metrics.LAG_RECORDS.labels("noting", *PLACE)._value.get() == 10


async def test_what_stands_still_is_read_again_once_before_patience_ends(desk):
    await desk.look(1)
    assert desk.asked_again == []
    await desk.look(2)
    assert desk.asked_again == [PLACE]


async def test_an_offset_that_moves_however_slowly_does_not(desk):
    for offset in range(8):
        desk.committed[PLACE] = offset
        await desk.look(2)
    assert desk.ended == []


async def test_an_offset_at_the_end_may_stand_there_for_ever(desk):
    desk.committed[PLACE] = 10
    await desk.look(50)
    assert desk.ended == []


async def test_a_chunk_in_hand_is_no_stall_and_what_was_counted_is_forgotten(desk):
    await desk.look(2)
    desk.idle = set()
    await desk.look(50)
    desk.idle = {0}
    await desk.look(2)
    assert desk.ended == []


async def test_a_broker_that_does_not_answer_is_no_stall(desk):
    await desk.look(2)

    async def silent(topics, partitions):
        raise LogUnavailable("no answer")

    answering, desk.log.ends_as_of = desk.log.ends_as_of, silent
    await desk.look(50)
    desk.log.ends_as_of = answering
    await desk.look(2)
    assert desk.ended == []


async def test_a_worker_without_partitions_has_nothing_to_stand_before(desk):
    desk.committed.clear()
    await desk.look(50)
    assert desk.ended == []


async def test_it_looks_as_long_as_it_runs(desk, monkeypatch):
    monkeypatch.setattr("topologies.watchdog.MEASURE_EVERY_S", 0.001)
    running = asyncio.create_task(desk.watchdog.run())
    async with asyncio.timeout(10):
        await desk.ended_once.wait()
    running.cancel()
    await asyncio.wait([running])
    assert desk.asked_again == [PLACE]


async def test_a_loop_that_does_not_turn_ends_the_worker(desk):
    watchdog = Watchdog(
        "noting", desk.log, idle=set, progress=dict, end=desk.ended.append, read_again=desk.read_again, blocked_s=0.5
    )
    running = asyncio.create_task(watchdog.run())
    await asyncio.sleep(0)
    deadline = time.monotonic() + 10
    while not desk.ended:
        assert time.monotonic() < deadline
        time.sleep(0.05)  # noqa: ASYNC251 - blocking the loop is the story
    running.cancel()
    await asyncio.wait([running])
    assert desk.ended[0].startswith("the event loop did not turn")
