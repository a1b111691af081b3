"""The simulated world: one log in memory, one clock, worker slots, and a plan that is carried out action by action.

Everything runs in one thread on virtual time, so a plan always leads to the same end. The workers of the live
stage are the group's affair; the one of the tags stage, the definitions and the log are kept here.
"""

from collections import Counter
from random import Random

from octyseg.engine.catalog import Catalog
from octyseg.errors import LogUnavailable
from octyseg.log import topics
from octyseg.log.memory import MemoryLog
from octyseg.log.memory_faults import Faults
from octyseg.log.port import NewRecord
from octyseg.stages.tags import TagsStage
from tests.simulation.group import Group
from tests.simulation.handing_over import hand_over
from tests.simulation.oracle import Revision
from tests.simulation.plan import Arm, Ask, Compact, Crash, Edit, HandOver, Produce, Rebalance, Resume, Step, Tags, Wait
from tests.simulation.process import NAMESPACE, Process
from tests.simulation.process_log import ProcessLog
from tests.simulation.triggers import Armed, Crashed

START_MS = 1_700_000_000_000
EVENTS, COMMANDS = NAMESPACE + "events", NAMESPACE + "commands"
ROUNDS = 400


class Definitions:
    """A catalog that every process follows at once."""

    def __init__(self, segments):
        self.catalog = Catalog(segments)

    def follower(self):
        """How a new process sees them."""
        return Follower(self)


class Follower:
    """One process' view of the definitions."""

    def __init__(self, definitions):
        self._definitions = definitions
        self.catalog = Catalog()

    async def start(self):
        self.catalog = self._definitions.catalog

    async def poll(self):
        news = self.catalog is not self._definitions.catalog
        self.catalog = self._definitions.catalog
        return news

    catch_up = poll

    async def close(self):
        pass


class World(Faults):
    """Carries out one plan; afterwards `log` holds all there is to judge."""

    def __init__(self, plan):
        self.plan = plan
        self.random = Random(plan.seed)
        self.now_ms = START_MS
        self.log = MemoryLog(lambda: self.now_ms, self)
        self.definitions = Definitions(plan.segments)
        self.revisions = {partition: [] for partition in range(plan.partitions)}
        self.asked_before = {partition: [] for partition in range(plan.partitions)}
        self.group = Group(self)
        self.armed_tags = Armed()
        self.tags = None
        self.read_limit = 1_000
        self.counts = Counter()
        self.reasons = Counter()

    def limit(self, available):
        """At most so many records a read, as the action in hand has it."""
        return min(available, self.read_limit)

    def split(self):
        """Where a chunk is cut into two batches; at 0 it is not."""
        return self.random.choice((0, 0, 1, 3))

    async def run(self):
        """All actions, then whatever it takes until nothing is left to do."""
        await self.log.create_topics(topics.specs(NAMESPACE, self.plan.partitions))
        for action in self.plan.actions:
            await self._do(action)
        await self._heal()

    async def _do(self, action):
        self.group.notice_pauses()
        match action:
            case Produce(after_ms, partition, key, value):
                self.now_ms += after_ms
                await self.log.append(EVENTS, partition, [NewRecord(key, value)])
            case Ask(partition, key, value):
                await self.log.append(COMMANDS, partition, [NewRecord(key, value)])
            case HandOver(partition):
                await self._hand_over(partition)
            case Wait(ms):
                self.now_ms += ms
            case Step(slot, what, limit):
                self.read_limit = limit
                await self.group.step(slot, what)
            case Tags(what):
                await self._tags(what)
            case Edit(segments, settled):
                await self._edit(segments, settled)
            case _:
                await self._trouble(action)

    async def _trouble(self, action):
        match action:
            case Arm(None, trigger):
                self.armed_tags.arm(trigger)
            case Arm(slot, trigger):
                self.group.armed[slot].arm(trigger)
            case Crash(slot):
                self.group.kill(slot)
            case Resume(steps):
                await self.group.resume(steps)
            case Rebalance():
                await self.group.rebalance()
            case Compact():
                self.log.compact()

    async def _hand_over(self, partition):
        self.read_limit = 1_000_000
        dynamic = [one for one in self.definitions.catalog.segments.values() if one.rule is not None]
        handed = await hand_over(self.log, partition, dynamic, self.plan.rules)
        self.counts["handed over"] += handed

    async def _tags(self, what):
        if what == "crash":
            self.tags = None
            return
        if self.tags is None:
            log = ProcessLog(self.log, self.armed_tags, self.split)
            self.tags = Process(log, TagsStage(log, NAMESPACE, passing=self._pass_by_of_tags))
        try:
            await self.tags.follow(range(self.plan.partitions))
            await getattr(self.tags, what)()
        except (Crashed, LogUnavailable):
            self.counts["tags deaths"] += 1
            self.tags = None

    def _pass_by_of_tags(self, point):
        if self.armed_tags.due(point) is not None:
            self.counts[f"crash at {point}"] += 1
            raise Crashed(point)

    # Coming to rest.

    async def _edit(self, segments, settled):
        if settled:
            await self._settle()
            for partition, end in (await self.log.ends(EVENTS, range(self.plan.partitions))).items():
                self.revisions[partition].append(Revision(end, self.now_ms, segments))
            for partition, end in (await self.log.ends(COMMANDS, range(self.plan.partitions))).items():
                self.asked_before[partition].append((end, segments))
        self.definitions.catalog = Catalog(segments)
        if settled:
            await self._settle()

    async def _settle(self):
        """Work until every partition has applied and committed all there is, up to this instant."""
        self.read_limit = 1_000
        for _ in range(ROUNDS):
            for what in ("read", "tick", "commit"):
                for slot in range(self.plan.slots):
                    await self.group.step(slot, what)
            if all([await self._is_settled(partition) for partition in range(self.plan.partitions)]):
                return
            # A worker that asked for the time a moment ago does not ask again at once.
            self.now_ms += 200
        raise AssertionError("the workers do not come to rest")

    async def _is_settled(self, partition):
        process = self.group.owner(partition)
        _, ends = await self.log.ends_as_of((EVENTS, COMMANDS), [partition])
        if process is None or not process.is_at(ends):
            return False
        engine = self.engine(partition)
        if engine._unswept or engine._unjudged or engine.following.handovers.awaits_adoption:
            return False
        return engine.clock_ms == self.now_ms

    def engine(self, partition):
        return self.group.owner(partition).stage._open[partition].engine

    async def _heal(self):
        """Nothing goes wrong any more: all deadlines pass, everything is published."""
        for armed in (*self.group.armed, self.armed_tags):
            armed.disarm()
        while self.group.has_paused:
            await self.group.resume(())
        await self._settle()
        for partition in range(self.plan.partitions):
            await self._hand_over(partition)
        await self._settle()
        self.now_ms += 1_000
        await self._settle()
        await self._settle()
        for _ in range(2):
            await self._tags("read")
            await self._tags("commit")
