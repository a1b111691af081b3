"""The watch that wakes the embedded log's readers, on a file that is only pretended."""

import asyncio
import time

import pytest

from octyseg.errors import LogUnavailable
from octyseg.log.embedded_reader import EmbeddedReader, Watch
from octyseg.log.embedded_reading import Fetched
from octyseg.log.port import Chunk

A = ("events", 0)
B = ("events", 1)


class File:
    """What other processes did to the file, as the watch may ask for it."""

    def __init__(self):
        self.version = 1
        self.ends = {A: 0, B: 0}
        self.versions_asked = 0
        self.failure = None

    def append(self, place):
        self.ends[place] += 1
        self.version += 1

    async def ask_version(self):
        self.versions_asked += 1
        if self.failure is not None:
            raise self.failure
        return self.version

    async def ask_ends(self, places):
        return {place: self.ends[place] for place in places}


async def expect_news(waiting):
    """The wait ends because there is news: its patience of a minute would end it too."""
    async with asyncio.timeout(20):
        await waiting


@pytest.fixture
def file():
    return File()


@pytest.fixture
async def watch(file):
    watch = Watch(file.ask_version, file.ask_ends)
    watch.moved(file.ends)
    yield watch
    await watch.close()


async def until(condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0)


async def test_a_partition_that_was_never_looked_at_is_news(watch, file):
    await expect_news(watch.news({("events", 7): 0}, 60))
    assert file.versions_asked == 0


async def test_a_partition_beyond_its_position_is_news_at_once(watch, file):
    watch.moved({A: 3})
    await expect_news(watch.news({A: 2}, 60))
    assert file.versions_asked == 0


async def test_an_own_append_wakes_only_who_waits_for_its_partition(watch):
    first = asyncio.create_task(watch.news({A: 0}, 60))
    second = asyncio.create_task(watch.news({B: 0}, 60))
    await asyncio.sleep(0)
    watch.moved({A: 1})
    await expect_news(first)
    assert not second.done()
    watch.moved({B: 1})
    await expect_news(second)


async def test_another_processs_append_is_noticed(watch, file):
    waiting = asyncio.create_task(watch.news({B: 0}, 60))
    await until(lambda: file.versions_asked > 1)
    file.append(B)
    await expect_news(waiting)


async def test_an_append_between_a_readers_look_and_its_wait_is_noticed(watch, file):
    other = asyncio.create_task(watch.news({A: 0}, 60))
    await until(lambda: file.versions_asked > 1)
    # The reader of B has looked at the file, and waits only after the watch has seen that it changed.
    file.append(B)
    asked = file.versions_asked
    await until(lambda: file.versions_asked > asked + 1)
    await expect_news(watch.news({B: 0}, 60))
    assert not other.done()


async def test_a_position_that_changes_while_waiting_is_looked_at_again(watch):
    watch.moved({A: 5})
    positions = {A: 5}
    waiting = asyncio.create_task(watch.news(positions, 60))
    await asyncio.sleep(0)
    positions[A] = 2
    watch.look_again({A: 2})
    assert not waiting.done()
    watch.look_again(positions)
    await expect_news(waiting)


async def test_ends_never_go_back(watch):
    watch.moved({A: 5})
    watch.moved({A: 1})
    await expect_news(watch.news({A: 4}, 60))


async def test_patience_ends(watch, file):
    await watch.news({A: 0}, 0.001)
    assert file.ends[A] == 0


async def test_nobody_polls_when_nobody_waits(watch, file):
    await watch.news({A: 0}, 0.001)
    await until(lambda: watch._poller is None)
    asked = file.versions_asked
    waiting = asyncio.create_task(watch.news({A: 0}, 60))
    await until(lambda: file.versions_asked > asked)
    file.append(A)
    await expect_news(waiting)


@pytest.mark.parametrize(("changes_after", "looks"), [(None, 6), (3, 9)])
async def test_a_file_in_which_nothing_happens_is_looked_at_less_often(watch, file, monkeypatch, changes_after, looks):
    monkeypatch.setattr("octyseg.log.embedded_reader._POLL_S", 0)
    monkeypatch.setattr("octyseg.log.embedded_reader._QUIET_POLL_S", 3_600)
    monkeypatch.setattr("octyseg.log.embedded_reader._LOOKS_UNTIL_QUIET", 5)
    waiting = asyncio.create_task(watch.news({A: 0}, 3_600))
    if changes_after is not None:
        await until(lambda: file.versions_asked == changes_after)
        file.append(B)
    await until(lambda: file.versions_asked == looks)
    for _ in range(100):
        await asyncio.sleep(0)
    assert file.versions_asked == looks
    watch.moved({A: 1})
    await expect_news(waiting)


async def test_a_log_that_does_not_answer_is_told_to_whoever_waits(watch, file):
    file.failure = LogUnavailable("gone")
    waiting = [asyncio.create_task(watch.news({place: 0}, 60)) for place in (A, B)]
    for task in waiting:
        with pytest.raises(LogUnavailable, match="gone"):
            await task


async def test_a_seek_of_a_waiting_reader_needs_no_change_of_the_file(watch, file):
    async def fetch(positions):
        return Fetched(
            {
                place: Chunk(*place, (), file.ends[place])
                for place, position in positions
                if position < file.ends[place]
            },
            {place: file.ends[place] for place, _ in positions},
        )

    file.append(A)
    reader = EmbeddedReader(fetch, watch)
    waiting = asyncio.create_task(reader.read(60))
    await until(lambda: file.versions_asked > 1)
    reader.seek(*A, 0)
    assert [chunk.next_offset for chunk in await waiting] == [1]


async def test_closing_wakes_everyone(watch):
    waiting = asyncio.create_task(watch.news({A: 0}, 60))
    await asyncio.sleep(0)
    await watch.close()
    await expect_news(waiting)
