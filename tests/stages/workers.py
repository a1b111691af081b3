"""Workers of the live stage over one log in memory, for tests that tell one story each."""

import json

from octyseg.engine.catalog import Catalog
from octyseg.engine.rules import Rules
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, read_through
from octyseg.log.topics import specs
from octyseg.model.outcome import CLAIM_KEY, SWEPT_KEY, decode_claim, decode_outcome, decode_swept
from octyseg.model.segment import Segment, Step
from octyseg.stages.live import LiveStage
from octyseg.stages.live_config import LiveConfig
from octyseg.stages.restore import read_outcomes, read_states
from tests.simulation.process import NAMESPACE, Process
from tests.simulation.process_log import ProcessLog
from tests.simulation.triggers import Armed

START_MS = 1_700_000_000_000
EVENTS = NAMESPACE + "events"
RULES = Rules(grace_ms=20, correction_horizon_ms=200, live_max_age_ms=400, future_ms=40)
BOUGHT = Segment("bought", "Bought", 1, "live", steps=(Step("buy"),))
LEFT = Segment("left", "Left", 1, "live", 2, steps=(Step("add", within_ms=100), Step("buy", inaction=True)))


class Clock:
    """The log's time and, divided by a thousand, every worker's monotonic clock."""

    now_ms = START_MS

    def __call__(self):
        return self.now_ms

    def monotonic(self):
        return self.now_ms / 1_000


class Definitions:
    """A catalog source that shows what was put into `news` at the next poll."""

    def __init__(self, *segments):
        self.catalog = Catalog(segments)
        self.news = None

    async def start(self):
        pass

    async def poll(self):
        if self.news is None:
            return False
        self.catalog, self.news = Catalog(self.news), None
        return True

    catch_up = poll

    async def close(self):
        pass


class Town:
    """One log, its clock, and the workers that a test starts."""

    def __init__(self, log, clock):
        self.log = log
        self.clock = clock
        self.definitions = []

    @classmethod
    async def new(cls, partitions=1, log_type=MemoryLog):
        clock = Clock()
        log = log_type(clock)
        await log.create_topics(specs(NAMESPACE, partitions))
        return cls(log, clock)

    def worker(self, slot=0, segments=(BOUGHT, LEFT), **config):
        """A new process of a slot; it opens what it is assigned to by `follow`."""
        definitions = Definitions(*segments)
        self.definitions.append(definitions)
        options = {"ask_every_s": 0.0, "follow_every_s": 0.0, "flush_every_s": 1e6, **config}
        stage = LiveStage(
            self.log,
            lambda name: NAMESPACE + name,
            definitions,
            LiveConfig(rules=RULES, instance_id=f"live-{slot}", **options),
            monotonic=self.clock.monotonic,
        )
        return Process(ProcessLog(self.log, Armed(), lambda: 0), stage)

    async def owner(self, slot=0, segments=(BOUGHT, LEFT), **config):
        """A worker that has partition 0."""
        worker = self.worker(slot, segments, **config)
        await worker.follow([0])
        return worker

    async def event(self, event_type, profile="ada", partition=0, **fields):
        value = {"profile_id": profile, "event_type": event_type, "event_properties": {}, **fields}
        await self.record(profile.encode(), json.dumps(value).encode(), partition)

    async def record(self, key, value, partition=0):
        await self.log.append(EVENTS, partition, [NewRecord(key, value)])

    async def read(self, topic, partition=0):
        end = (await self.log.ends(NAMESPACE + topic, [partition]))[partition]
        return [one async for one in read_through(self.log, NAMESPACE + topic, partition, 0, end)]

    async def claims(self, partition=0):
        return [decode_claim(one.value) for one in await self.read("outcomes", partition) if one.key == CLAIM_KEY]

    async def swept(self):
        return [decode_swept(one.value) for one in await self.read("outcomes") if one.key == SWEPT_KEY]

    async def outcomes(self, partition=0):
        records = await self.read("outcomes", partition)
        return [(one.key.decode(), decode_outcome(one.value)) for one in records if not one.key.startswith(b"\0")]

    async def changes(self):
        """All changes on outcomes as (kind, reason, when)."""
        decided = [change for _, outcome in await self.outcomes() for change in outcome.changes]
        return [(change.kind, change.reason, change.occurred_at_ms - START_MS) for change in decided]

    async def restored(self):
        """What the next owner would find."""
        restored = await read_states(self.log, NAMESPACE + "state", 0)
        end = (await self.log.ends(NAMESPACE + "outcomes", [0]))[0]
        await read_outcomes(self.log, NAMESPACE + "outcomes", 0, end, restored)
        return restored


async def flush(worker):
    """Flush now; needs a worker with flush_every_s=0."""
    await worker.tick()
    for held in worker.stage._open.values():
        await held.flushing
