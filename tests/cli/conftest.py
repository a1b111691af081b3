import asyncio
import logging
from typing import NamedTuple

import pytest
import structlog

from octyseg import cli
from octyseg.cli.verbs import debug
from octyseg.log.embedded import EmbeddedLog
from octyseg.log.topics import specs
from tests.projection.story import NAMESPACE, Story

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


class Ended(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def one_machine(monkeypatch, tmp_path):
    """Every test has a log file of its own, one partition, and the logging it found."""
    monkeypatch.setenv("OCTYSEG_LOG", f"embedded://{tmp_path / 'o.db'}")
    monkeypatch.setenv("OCTYSEG_PARTITIONS", "1")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    debug.is_on = False


@pytest.fixture
def octyseg(monkeypatch, capsys):
    """The program, in this process: octyseg("get", "segments") -> (code, out, err)."""

    def run(*words):
        capsys.readouterr()
        monkeypatch.setattr("sys.argv", ["octyseg", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return Ended(ended.value.code or 0, *capsys.readouterr())

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
