"""What a host does beside Faust: it ticks its stage, and ends whatever the stage makes of that."""

import asyncio
from types import SimpleNamespace

import pytest

from octyseg.errors import SettingsError
from octyseg.log.memory import MemoryLog
from octyseg.settings import Settings
from topologies.host import Host


class StubbornStage:
    """Its tick waits, and takes the first cancellation for an answer, as Redis' client may do."""

    name = "stubborn"
    inputs = ("events",)

    def __init__(self):
        self.ticking = asyncio.Event()
        self.error = None
        self.was_cancelled = self.stopped = False

    async def start(self): ...

    async def tick(self):
        self.ticking.set()
        if self.error is not None:
            raise self.error
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            if self.was_cancelled:
                raise
            self.was_cancelled = True

    async def stop(self):
        self.stopped = True


class Desk:
    """A host, the app it was given, and why it wanted the process to end."""

    def __init__(self, monkeypatch):
        monkeypatch.setattr("topologies.host._TICK_EVERY_S", 0)
        signal = SimpleNamespace(connect=lambda _told: None)
        self.app = SimpleNamespace(
            on_partitions_revoked=signal,
            on_partitions_assigned=signal,
            topic=lambda *_, **__: None,
            agent=lambda *_, **__: lambda _follow: None,
            consumer=SimpleNamespace(commit_all=self._nothing, committed_offsets=dict, check_group=lambda: None),
        )
        self.stage = StubbornStage()
        self.ended = asyncio.Queue()
        log = MemoryLog(lambda: 1_000)
        Host(self.app, self.stage, log, Settings(), end=lambda *reason: self.ended.put_nowait(reason))

    async def _nothing(self): ...


@pytest.fixture
async def desk(monkeypatch):
    desk = Desk(monkeypatch)
    # There are no partitions, and the lanes let no time pass without an assignment.
    monkeypatch.setattr("topologies.lanes.Lanes.tick", lambda _lanes: desk.stage.tick())
    return desk


async def test_a_tick_that_takes_its_cancellation_for_an_answer_does_not_hold_up_the_end(desk):
    await desk.app.open_host()
    await desk.stage.ticking.wait()
    await asyncio.wait_for(desk.app.close_host(), 10)
    assert desk.stage.stopped
    assert desk.ended.empty()


async def test_a_tick_that_fails_ends_the_process(desk):
    desk.stage.error = ValueError("a bug")
    await desk.app.open_host()
    assert await asyncio.wait_for(desk.ended.get(), 10) == ("stubborn", desk.stage.error)
    await desk.app.close_host()


async def test_who_is_kept_out_of_the_group_ends(desk):
    """Without partitions nothing else would be noticed."""
    refused = SettingsError("the group is not allowed to us")

    def check_group():
        raise refused

    desk.app.consumer.check_group = check_group
    await desk.app.open_host()
    assert await asyncio.wait_for(desk.ended.get(), 10) == ("stubborn", refused)
    await desk.app.close_host()
