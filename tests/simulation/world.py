"""The simulated world: one log in memory, one clock, worker slots, and a plan that is carried out action by action.

Everything runs in one thread on virtual time, so a plan always leads to the same end. What a host and a
consumer group do is done here: starting processes anew, moving partitions, refusing who was put out.
"""

import asyncio
from collections import Counter
from random import Random

from octyseg.engine.catalog import Catalog
from octyseg.errors import Fenced, LogUnavailable, TwinFound
from octyseg.log import topics
from octyseg.log.memory import MemoryLog
from octyseg.log.memory_faults import Faults
from octyseg.log.port import NewRecord
from octyseg.stages.live import LiveConfig, LiveStage
from octyseg.stages.tags import TagsStage
from tests.simulation.oracle import Revision
from tests.simulation.plan import Arm, Compact, Crash, Edit, Produce, Rebalance, Resume, Step, Tags, Wait
from tests.simulation.process import NAMESPACE, Process
from tests.simulation.process_log import ProcessLog
from tests.simulation.triggers import Armed, Crashed

START_MS = 1_700_000_000_000
EVENTS, OUTCOMES = NAMESPACE + "events", NAMESPACE + "outcomes"
ROUNDS = 400


class Definitions:
    """A catalog that every process follows at once."""

    def __init__(self, segments):
        self.catalog = Catalog(segments)


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
        self.assignment = {partition: partition % plan.slots for partition in range(plan.partitions)}
        self.armed = [Armed() for _ in range(plan.slots)]
        self.armed_tags = Armed()
        self.live = [None] * plan.slots
        self.replaced = []
        self.deposed = set()
        self.may_claim_late = False
        self.tags = None
        self.read_limit = 1_000
        self.counts = Counter()
        self.reasons = Counter()

    def limit(self, available):
        """At most so many records a read, as the action in hand has it."""
        return min(available, self.read_limit)

    async def run(self):
        """All actions, then whatever it takes until nothing is left to do."""
        await self.log.create_topics(topics.specs(NAMESPACE, self.plan.partitions))
        for action in self.plan.actions:
            await self._do(action)
        await self._heal()

    async def _do(self, action):
        self._notice_pauses()
        match action:
            case Produce(after_ms, partition, key, value):
                self.now_ms += after_ms
                await self.log.append(EVENTS, partition, [NewRecord(key, value)])
            case Wait(ms):
                self.now_ms += ms
            case Step(slot, what, limit):
                self.read_limit = limit
                await self._step(slot, what)
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
                self.armed[slot].arm(trigger)
            case Crash(slot):
                self._kill(slot)
            case Resume(steps):
                await self._resume(steps)
            case Rebalance():
                await self._rebalance()
            case Compact():
                self.log.compact()

    # Processes and their ends.

    def _new_live(self, slot):
        options = self.plan.options
        armed, begun_ms = self.armed[slot], self.now_ms
        rate = self.random.choice(options["clock_rates"])
        log = ProcessLog(self.log, armed, self._split)

        def pass_by(point):
            if armed.due(point) is not None:
                self.counts[f"crash at {point}"] += 1
                raise Crashed(point)

        stage = LiveStage(
            log,
            lambda name: NAMESPACE + name,
            Follower(self.definitions),
            LiveConfig(
                rules=self.plan.rules,
                instance_id=f"live-{slot}",
                ask_every_s=options["ask_every_s"],
                ask_when_due_every_s=0.0,
                follow_every_s=0.0,
                flush_every_s=options["flush_every_s"],
                sweep_batch=options["sweep_batch"],
            ),
            monotonic=lambda: (self.now_ms - begun_ms) * rate / 1_000,
            pass_by=pass_by,
        )
        return Process(log, stage)

    def _split(self):
        return self.random.choice((0, 0, 1, 3))

    def _assigned(self, slot):
        return [partition for partition, owner in self.assignment.items() if owner == slot]

    async def _step(self, slot, what):
        self._notice_pauses()
        if self.live[slot] is None:
            self.live[slot] = self._new_live(slot)
        process = self.live[slot]
        if not process.is_paused:
            await self._drive(slot, process, self._follow_and(process, slot, what))

    async def _follow_and(self, process, slot, what):
        await process.follow(self._assigned(slot))
        await getattr(process, what)()

    async def _drive(self, slot, process, coroutine=None):
        """Let one step of a process run to its end, or until the process stands still."""
        if coroutine is not None:
            process.task = asyncio.create_task(coroutine)
        task, idle = process.task, 0
        for _ in range(10_000):
            await asyncio.sleep(0)
            idle = idle + 1 if process.is_paused else 0
            if task.done() or idle > 3:
                break
        else:
            raise AssertionError(f"a step of slot {slot} never ends")
        self._notice_pauses()
        if task.done():
            await self._end_of(slot, process, task)

    async def _end_of(self, slot, process, task):
        """What a host does with the way a step ended."""
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        match error:
            case None:
                return
            case asyncio.CancelledError():
                # The host took everything away in the middle of the step; it is opened again when it is ours.
                for partition in list(process.partitions):
                    await process.close(partition)
            case Fenced() if process in self.deposed or self.may_claim_late:
                self.counts["fenced"] += 1
                for partition in list(process.partitions):
                    await process.close(partition)
            case TwinFound() if process in self.deposed or self.may_claim_late:
                self._end(slot, process)
            case Crashed() | LogUnavailable():
                self._end(slot, process)
            case _:
                raise error

    def _notice_pauses(self):
        """The group has not heard of a process for too long: its partitions go to another."""
        for slot, process in enumerate(self.live):
            if process is not None and process.is_paused and not process.is_out:
                self._put_out(slot, process)

    def _put_out(self, slot, process):
        process.is_out = True
        self.counts["pauses"] += 1
        self.deposed.add(process)
        # Put out while it opened: when it goes on, it claims after the rightful owner did, who then gives way once.
        self.may_claim_late = self.may_claim_late or process.opening
        other = self._next_slot(slot)
        if other != slot and self.random.random() < 0.5:
            for partition in self._assigned(slot):
                self.assignment[partition] = other
        else:
            self.live[slot] = None
            self.replaced.append((slot, process))

    def _end(self, slot, process):
        self.counts["deaths"] += 1
        process.kill()
        if self.live[slot] is process:
            self.live[slot] = None
        self.replaced = [one for one in self.replaced if one[1] is not process]

    def _kill(self, slot):
        if self.live[slot] is not None and not self.live[slot].is_paused:
            self._end(slot, self.live[slot])

    async def _resume(self, steps):
        """Who was paused goes on, first with what was in hand, then as if nothing had happened."""
        current = [(slot, process) for slot, process in enumerate(self.live) if process and process.is_paused]
        for slot, process in [*self.replaced, *current]:
            process.log.resume()
            process.is_out = False
            await self._drive(slot, process)
            for what in steps:
                if process.partitions and not process.is_paused and self._is_there(process):
                    await self._drive(slot, process, getattr(process, what)())
            if not process.is_paused:
                # It hears that it was out, and that another may have had its partitions since.
                await self._drive(slot, process, self._give_up(process))
        for slot, process in [one for one in self.replaced if not one[1].is_paused]:
            self._end(slot, process)

    def _is_there(self, process):
        return process in self.live or any(process is one for _, one in self.replaced)

    async def _rebalance(self):
        for slot, process in enumerate(self.live):
            if process is not None and not process.is_paused:
                await self._drive(slot, process, self._revoke(process))
        self.assignment = {one: self._next_slot(slot) for one, slot in self.assignment.items()}

    def _next_slot(self, slot):
        """Another slot that is not paused; the same one where there is none."""
        others = [(slot + step) % self.plan.slots for step in range(1, self.plan.slots)]
        return next((one for one in others if self.live[one] is None or not self.live[one].is_paused), slot)

    async def _revoke(self, process):
        await process.commit()
        await self._give_up(process)

    async def _give_up(self, process):
        for partition in list(process.partitions):
            await process.close(partition)

    async def _tags(self, what):
        if what == "crash":
            self.tags = None
            return
        if self.tags is None:
            log = ProcessLog(self.log, self.armed_tags, self._split)
            self.tags = Process(log, TagsStage(log, NAMESPACE))
        try:
            await self.tags.follow(range(self.plan.partitions))
            await getattr(self.tags, what)()
        except (Crashed, LogUnavailable):
            self.counts["tags deaths"] += 1
            self.tags = None

    # Coming to rest.

    async def _edit(self, segments, settled):
        if settled:
            await self._settle()
            for partition, end in (await self.log.ends(EVENTS, range(self.plan.partitions))).items():
                self.revisions[partition].append(Revision(end, self.now_ms, segments))
        self.definitions.catalog = Catalog(segments)
        if settled:
            await self._settle()

    async def _settle(self):
        """Work until every partition has applied and committed all there is, up to this instant."""
        self.read_limit = 1_000
        for _ in range(ROUNDS):
            for what in ("read", "tick", "commit"):
                for slot in range(self.plan.slots):
                    await self._step(slot, what)
            ends = await self.log.ends(EVENTS, range(self.plan.partitions))
            if all([await self._is_settled(partition, end) for partition, end in ends.items()]):
                return
            # A worker that asked for the time a moment ago does not ask again at once.
            self.now_ms += 200
        raise AssertionError("the workers do not come to rest")

    async def _is_settled(self, partition, end):
        process = self.live[self.assignment[partition]]
        if process is None or process.partitions.get(partition) != end or process.committed[partition] != end:
            return False
        engine = self.engine(partition)
        return engine.clock_ms == self.now_ms and not engine._unswept

    def engine(self, partition):
        return self.live[self.assignment[partition]].stage._open[partition].engine

    async def _heal(self):
        """Nothing goes wrong any more: all deadlines pass, everything is published."""
        for armed in (*self.armed, self.armed_tags):
            armed.disarm()
        while self.replaced or any(process and process.is_paused for process in self.live):
            await self._resume(())
        await self._settle()
        self.now_ms += 1_000
        await self._settle()
        await self._settle()
        for _ in range(2):
            await self._tags("read")
            await self._tags("commit")
