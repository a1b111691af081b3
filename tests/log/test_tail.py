"""One partition followed by many tasks: every record once, in order, whoever asks and whoever is cancelled."""

import asyncio

import pytest

from octyseg.log.memory import MemoryLog
from octyseg.log.memory_faults import Faults
from octyseg.log.port import TopicSpec
from octyseg.log.tail import Tail
from tests.log.promises import numbered

RUNS = TopicSpec("runs", 2, compacted=False, retention_ms=1_000)


class ShortReads(Faults):
    """One record a read."""

    def limit(self, available):
        return 1


class Desk:
    """A log, a tail of its partition 1 and what that took."""

    def __init__(self):
        self.log = MemoryLog(lambda: 1_000)
        self.taken = []
        self.tail = Tail(self.log, "runs", 1, lambda record: self.taken.append(record.offset))

    async def append(self, count):
        await self.log.append("runs", 1, numbered(count))


@pytest.fixture
async def desk():
    desk = Desk()
    await desk.log.create_topics([RUNS])
    yield desk
    await desk.tail.close()


async def test_all_there_is_comes_first_and_then_what_is_appended(desk):
    await desk.append(3)
    await desk.tail.start()
    assert desk.taken == [0, 1, 2]
    await desk.tail.catch_up()
    await desk.tail.poll()
    assert desk.taken == [0, 1, 2]
    await desk.append(2)
    await desk.tail.poll()
    assert desk.taken == [0, 1, 2, 3, 4]


async def test_many_that_ask_at_once_take_every_record_once(desk):
    await desk.tail.start()
    desk.log.faults = ShortReads()
    await desk.append(20)
    asking = [desk.tail.catch_up() if number % 2 else desk.tail.poll() for number in range(12)]
    await asyncio.gather(*asking)
    assert desk.taken == list(range(20))


async def test_who_asks_is_not_answered_before_all_was_taken_that_others_are_reading(desk):
    await desk.tail.start()
    desk.log.faults = ShortReads()
    await desk.append(5)
    first = asyncio.create_task(desk.tail.catch_up())
    await asyncio.sleep(0)
    await desk.tail.catch_up()
    assert desk.taken == list(range(5))
    await first


async def test_a_call_that_is_broken_off_loses_nothing(desk):
    await desk.tail.start()
    desk.log.faults = ShortReads()
    await desk.append(5)
    for turns in range(12):
        asking = asyncio.create_task(desk.tail.catch_up())
        for _ in range(turns):
            await asyncio.sleep(0)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
    await desk.tail.catch_up()
    assert desk.taken == list(range(5))
