"""One stage over one log: how it reads."""

import asyncio

import pytest

from octyseg.errors import LogDamaged
from octyseg.hosting.runner import MANY_RECORDS, Runner
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs

INPUT = "octyseg.outcomes"


class Counting:
    """A stage that counts records and tells when it has so many."""

    name = "counting"
    inputs = (INPUT,)

    def __init__(self):
        self.records = 0
        self.news = asyncio.Condition()

    async def handle(self, chunk):
        async with self.news:
            self.records += sum(len(list(batch)) for batch in chunk.batches)
            self.news.notify_all()

    async def until(self, records):
        async with asyncio.timeout(10), self.news:
            await self.news.wait_for(lambda: self.records == records)

    async def start(self):
        """Nothing to prepare."""

    open = close = committed = stop = tick = lambda self, *_: asyncio.sleep(0)


@pytest.fixture
async def log():
    log = MemoryLog(lambda: 1_700_000_000_000)
    await log.create_topics(specs("octyseg.", 1))
    return log


async def test_a_stage_rests_after_a_few_records_and_not_before_a_backlog(log):
    rests, stage, stop = [], Counting(), asyncio.Event()

    async def sleep(seconds):
        rests.append((seconds, stage.records))
        await asyncio.sleep(0)

    running = asyncio.create_task(Runner(log, stage, "octyseg.", rest_s=7.0, sleep=sleep).run(stop))
    for count, total in ((1, 1), (MANY_RECORDS, MANY_RECORDS + 1), (2, MANY_RECORDS + 3)):
        await log.append(INPUT, 0, [NewRecord(b"ada", b"{}")] * count)
        await stage.until(total)
    stop.set()
    await running
    assert rests == [(7.0, 1), (7.0, MANY_RECORDS + 3)]


async def test_a_topic_that_was_made_again_is_not_read_from_where_the_old_one_was(log):
    await log.commit("octyseg.counting", INPUT, {0: 4})
    with pytest.raises(LogDamaged, match=f"{INPUT}-0 ends at offset 0 and group octyseg.counting has come to 4"):
        await Runner(log, Counting(), "octyseg.").run(asyncio.Event())
