import asyncio

import pytest

from octyseg.log.embedded import EmbeddedLog
from octyseg.log.topics import specs
from tests.projection.story import NAMESPACE, Story
from tests.verb import run

SEGMENTS = """
kind: segments
segmentDefinitions:
  - segmentName: Buyer
    segmentType: live
    segmentSubType: 1
    segmentTimeframe: 0
    eventSequence:
      - {eventType: charged, expTimeframe: 0, actionInaction: action}
"""


@pytest.fixture(autouse=True)
def one_machine(monkeypatch, tmp_path):
    """Every test has a log file of its own, and one partition."""
    monkeypatch.setenv("OCTYSEG_LOG", f"embedded://{tmp_path / 'o.db'}")
    monkeypatch.setenv("OCTYSEG_PARTITIONS", "1")


@pytest.fixture
def octyseg():
    """The program, in this process: octyseg("get", "segments") -> (code, out, err)."""
    return run


@pytest.fixture
def segments_file(tmp_path):
    file = tmp_path / "segments.yaml"
    file.write_text(SEGMENTS)
    return file


@pytest.fixture
def tell_story(tmp_path):
    """Write outcomes as an owner would: tell_story(an async function of a Story)."""

    def tell(happens):
        async def write():
            log = EmbeddedLog(tmp_path / "o.db")
            await log.start()
            try:
                await log.create_topics(specs(NAMESPACE, 1))
                await happens(Story(log))
            finally:
                await log.close()

        asyncio.run(write())

    return tell
