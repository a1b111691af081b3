"""A log in memory, and archive stages that come and go over one directory."""

import json

import pyarrow.parquet as pq

from octyseg.engine.rules import Rules
from octyseg.history.archive import Archive
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.stages import hindsight
from octyseg.stages.archive import ArchiveConfig, ArchiveStage
from octyseg.stages.hindsight import Hindsight

TOPIC = "octyseg.events"
DAY_MS = 24 * 60 * 60 * 1000
NOW_MS = 1_780_012_800_000  # noon


class Died(Exception):
    """The process ended at a named point."""


class Desk:
    """A log in memory, and archive stages that come and go over one directory."""

    def __init__(self, directory):
        self.directory = directory
        self.now_ms = NOW_MS
        self.log = MemoryLog(lambda: self.now_ms)
        self.dies_at = None
        self.stage = None

    async def begin(self, position=0, partitions=1, **config):
        if self.stage is None:
            await self.log.create_topics(specs("octyseg.", partitions))
        self.stage = ArchiveStage(
            self.log, TOPIC, self.directory, ArchiveConfig(**config), Rules(), passing=self.pass_by
        )
        await self.stage.start()
        await self.stage.open(0, {TOPIC: position})
        self.reader = self.log.reader()
        self.reader.seek(TOPIC, 0, position)

    def pass_by(self, point):
        if point == self.dies_at:
            self.dies_at = None
            raise Died(point)

    async def append(self, *documents):
        records = [NewRecord(one["profile_id"].encode(), json.dumps(one).encode()) for one in documents]
        return (await self.log.append(TOPIC, 0, records)).next_offset

    async def handle(self):
        for chunk in await self.reader.read(0):
            await self.stage.handle(chunk)

    async def write(self):
        self.stage._write_at_s = self.stage._tidy_at_s = 0
        await self.stage.tick()

    @property
    def archive(self):
        return Archive(self.directory, 0)

    async def hindsight(self, end):
        """The offsets of all rows that are in the archive or behind it."""
        past = Hindsight(self.log, TOPIC, self.directory, Rules().future_ms)
        async with past.as_of(0, NOW_MS, end) as history:
            assert len(history.rows) < hindsight.ROWS_HELD
            assert history.has_ids == (end > 5)
            tables = [*map(pq.read_table, history.files), history.rows]
            return sorted(place for table in tables for place in table["place"].to_pylist())

    def places(self):
        """The offsets of all rows, in order."""
        files = self.archive.history(NOW_MS, self.archive.reached()).files
        return sorted(place for path in files for place in pq.read_table(path)["place"].to_pylist())


def event(profile="ada", day=0, **fields):
    at_ms = NOW_MS + day * DAY_MS
    return {"profile_id": profile, "event_type": "buy", "event_properties": {}, "created_at": at_ms, **fields}
