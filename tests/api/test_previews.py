"""A preview may take what memory a database may have, so there is one at a time."""

import asyncio
import threading
from types import SimpleNamespace

from octyseg.model.definitions.registry import Registry
from octyseg.service import previews
from octyseg.settings import Settings

DEFINITIONS = b"""
kind: segments
segmentDefinitions:
  - segmentName: Logged in
    segmentType: live
    segmentSubtype: 1
    eventSequence:
      - {eventType: login, actionInaction: action}
"""


async def test_previews_are_made_one_after_the_other_and_the_loop_goes_on(monkeypatch):
    loop, begun, may_end, threads = asyncio.get_running_loop(), asyncio.Event(), threading.Event(), set()

    def slow(_segments, _past):
        threads.add(threading.get_ident())
        loop.call_soon_threadsafe(begun.set)
        assert may_end.wait(20)
        return []

    monkeypatch.setattr(previews, "previewed", slow)
    access = SimpleNamespace(settings=Settings(), follower=SimpleNamespace(registry=Registry.fold([])))
    asked = [asyncio.create_task(previews.preview(access, DEFINITIONS, 7)) for _ in range(3)]
    await begun.wait()
    may_end.set()
    assert await asyncio.gather(*asked) == [[], [], []]
    assert len(threads) == 1
