"""Who leads the runs while partitions come and go. What runs find: tests/hosting/test_past_runs.py."""

import asyncio
from datetime import UTC, datetime

import pytest

from octyseg.hosting import past
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, read_through
from octyseg.log.topics import specs
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.ids import new_segment_id
from octyseg.model.run import LEDGER
from octyseg.settings import Settings
from octyseg.settings_sections import HistorySettings

NOW_MS = round(datetime(2026, 11, 27, 10, 10, tzinfo=UTC).timestamp() * 1000)
RUNS = "octyseg.runs"
SEGMENT = b"""
kind: segments
segmentDefinitions:
  - {segmentName: Worst, segmentType: past, segmentSubtype: 1, segmentTimeframe: 30, eventSequence: [
      {eventType: complaint, actionInaction: action}]}
"""


class GatedLog(MemoryLog):
    """Questions for the end of the runs topic wait while the gate is shut."""

    def __init__(self):
        super().__init__(lambda: NOW_MS)
        self.gate = asyncio.Event()
        self.gate.set()
        self.waiting = asyncio.Event()

    async def ends(self, topic, partitions):
        if topic == RUNS and not self.gate.is_set():
            self.waiting.set()
            await self.gate.wait()
        return await super().ends(topic, partitions)

    async def demands(self):
        end = (await super().ends(RUNS, [LEDGER]))[LEDGER]
        return [record.value async for record in read_through(self, RUNS, LEDGER, 0, end) if b"created" in record.value]


@pytest.fixture
async def log():
    log = GatedLog()
    await log.create_topics(specs("octyseg.", 2))
    definitions = read_definitions(SEGMENT, "segments")
    planned = plan(Registry.fold([]), definitions, now_ms=NOW_MS, new_id=new_segment_id)
    await log.append("octyseg.definitions", 0, [NewRecord(key, value) for key, value in planned.records()])
    return log


@pytest.fixture
async def stage(log, tmp_path, monkeypatch):
    monkeypatch.setattr("octyseg.stages.past.LOOK_EVERY_S", 0.0)
    settings = Settings(partitions=2, history=HistorySettings(directory=tmp_path))
    stage = past.past_stage(settings, log)
    await stage.start()
    yield stage
    log.gate.set()
    await stage.close(LEDGER)
    await stage.stop()


async def test_who_learns_the_ledger_does_not_lead_by_it_yet(log, stage):
    log.gate.clear()
    opening = asyncio.create_task(stage.open(LEDGER, {RUNS: 0}))
    await log.waiting.wait()
    await asyncio.wait_for(stage.tick(), 10)
    assert await log.demands() == []
    log.gate.set()
    await opening
    await stage.tick()
    assert len(await log.demands()) == 1


async def test_who_gives_the_ledger_away_stops_leading_at_once(log, stage):
    await stage.open(LEDGER, {RUNS: 0})
    log.gate.clear()
    leading = asyncio.create_task(stage.tick())
    await log.waiting.wait()
    await stage.close(LEDGER)
    await leading
    log.gate.set()
    await stage.tick()
    assert await log.demands() == []


async def test_what_goes_wrong_while_leading_is_the_hosts_to_hear(log, stage):
    await stage.open(LEDGER, {RUNS: 0})

    async def fail(topic, partitions):
        raise ValueError("a bug")

    log.ends = fail
    with pytest.raises(ValueError, match="a bug"):
        await stage.tick()
