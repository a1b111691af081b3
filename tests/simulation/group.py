"""The workers of the live stage as a consumer group has them: slots, processes, who owns which partition.

What a host and a group do is done here: starting processes anew, moving partitions, putting out who is not
heard of, ending who failed. It asks the world for the time, the log and the plan.
"""

import asyncio

from octyseg.errors import Fenced, LogUnavailable, TwinFound
from octyseg.stages.live import LiveStage
from octyseg.stages.live_config import LiveConfig
from tests.simulation.process import NAMESPACE, Process
from tests.simulation.process_log import ProcessLog
from tests.simulation.triggers import Armed, Crashed


class Group:
    """Who runs where. `replaced` are paused processes whose slot has another one, `deposed` all that ever paused.

    `may_claim_late`: somebody was put out while it opened a partition. When it goes on, it claims after the
    rightful owner did, who then gives way once.
    """

    def __init__(self, world):
        self.world = world
        self.slots = world.plan.slots
        self.assignment = {partition: partition % self.slots for partition in range(world.plan.partitions)}
        self.armed = [Armed() for _ in range(self.slots)]
        self.live = [None] * self.slots
        self.replaced = []
        self.deposed = set()
        self.may_claim_late = False

    @property
    def has_paused(self):
        return bool(self.replaced) or any(process and process.is_paused for process in self.live)

    def owner(self, partition):
        """The process that has the partition by assignment, None while its slot has none."""
        return self.live[self.assignment[partition]]

    def _new_live(self, slot):
        options = self.world.plan.options
        armed, begun_ms = self.armed[slot], self.world.now_ms
        rate = self.world.random.choice(options["clock_rates"])
        log = ProcessLog(self.world.log, armed, self.world.split)

        def pass_by(point):
            if armed.due(point) is not None:
                self.world.counts[f"crash at {point}"] += 1
                raise Crashed(point)

        stage = LiveStage(
            log,
            lambda name: NAMESPACE + name,
            self.world.definitions.follower(),
            LiveConfig(
                rules=self.world.plan.rules,
                instance_id=f"live-{slot}",
                ask_every_s=options["ask_every_s"],
                ask_when_due_every_s=0.0,
                follow_every_s=0.0,
                flush_every_s=options["flush_every_s"],
                sweep_batch=options["sweep_batch"],
            ),
            monotonic=lambda: (self.world.now_ms - begun_ms) * rate / 1_000,
            pass_by=pass_by,
        )
        return Process(log, stage)

    def _assigned(self, slot):
        return [partition for partition, owner in self.assignment.items() if owner == slot]

    async def step(self, slot, what):
        self.notice_pauses()
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
        self.notice_pauses()
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
                self.world.counts["fenced"] += 1
                for partition in list(process.partitions):
                    await process.close(partition)
            case TwinFound() if process in self.deposed or self.may_claim_late:
                self._end(slot, process)
            case Crashed() | LogUnavailable():
                self._end(slot, process)
            case _:
                raise error

    def notice_pauses(self):
        """The group has not heard of a process for too long: its partitions go to another."""
        for slot, process in enumerate(self.live):
            if process is not None and process.is_paused and not process.is_out:
                self._put_out(slot, process)

    def _put_out(self, slot, process):
        process.is_out = True
        self.world.counts["pauses"] += 1
        self.deposed.add(process)
        self.may_claim_late = self.may_claim_late or process.opening
        other = self._next_slot(slot)
        if other != slot and self.world.random.random() < 0.5:
            for partition in self._assigned(slot):
                self.assignment[partition] = other
        else:
            self.live[slot] = None
            self.replaced.append((slot, process))

    def _end(self, slot, process):
        self.world.counts["deaths"] += 1
        process.kill()
        if self.live[slot] is process:
            self.live[slot] = None
        self.replaced = [one for one in self.replaced if one[1] is not process]

    def kill(self, slot):
        if self.live[slot] is not None and not self.live[slot].is_paused:
            self._end(slot, self.live[slot])

    async def resume(self, steps):
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

    async def rebalance(self):
        for slot, process in enumerate(self.live):
            if process is not None and not process.is_paused:
                await self._drive(slot, process, self._revoke(process))
        self.assignment = {one: self._next_slot(slot) for one, slot in self.assignment.items()}

    def _next_slot(self, slot):
        """Another slot that is not paused; the same one where there is none."""
        others = [(slot + step) % self.slots for step in range(1, self.slots)]
        return next((one for one in others if self.live[one] is None or not self.live[one].is_paused), slot)

    async def _revoke(self, process):
        await process.commit()
        await self._give_up(process)

    async def _give_up(self, process):
        for partition in list(process.partitions):
            await process.close(partition)
