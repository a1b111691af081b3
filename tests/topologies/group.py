"""A consumer group in one loop: members host real stages behind real lanes, and partitions go to and fro.

No Kafka and no Faust: an eager group over the memory log. Everything that a member asks of the log takes a few
turns of the loop, drawn from the seed, before and after it has its effect, so that whatever may come between two
steps of a stage does come between them.
"""

import asyncio
import contextvars
import weakref

from aiokafka import TopicPartition

from octyseg.cancellation import is_cancelled
from octyseg.errors import Fenced
from octyseg.log.kafka_batches import FetchedBatch, chunk_of
from topologies.lanes import Lanes

_MOST_TURNS = 4
_TICK_EVERY_S = 0.002
_OWNER = contextvars.ContextVar("owner", default=None)


def own_tasks():
    """Have the loop note whose task each one is."""

    def factory(loop, coroutine, **options):
        task = asyncio.Task(coroutine, loop=loop, **options)
        owner = _OWNER.get()
        if owner is not None:
            owner.tasks.add(task)
        return task

    asyncio.get_running_loop().set_task_factory(factory)


class SlowLog:
    """A log as one process sees it: every answer takes its time."""

    def __init__(self, log, random):
        self._log = log
        self._random = random
        self.awake = asyncio.Event()
        self.awake.set()

    def __getattr__(self, name):
        asked = getattr(self._log, name)
        if not asyncio.iscoroutinefunction(asked):
            return asked

        async def ask(*args):
            await self.turns()
            answer = await asked(*args)
            await self.turns()
            return answer

        return ask

    def reader(self):
        return SlowReader(self, self._log.reader())

    async def turns(self):
        await self.awake.wait()
        for _ in range(self._random.randrange(_MOST_TURNS)):
            await asyncio.sleep(0)


class SlowReader:
    """A reader whose records take their time; one task's."""

    def __init__(self, log, reader):
        self._log = log
        self._reader = reader
        self._is_reading = False
        self.seek, self.drop, self.close = reader.seek, reader.drop, reader.close

    async def read(self, wait_s):
        assert not self._is_reading, "two tasks read at once"
        self._is_reading = True
        try:
            await self._log.turns()
            return await self._reader.read(wait_s)
        finally:
            self._is_reading = False


class Batch:
    """Records as a broker's batch holds them, for FetchedBatch to open."""

    def __init__(self, records):
        self._records = records
        self.base_offset = records[0].offset

    def __iter__(self):
        return iter(self._records)


class Member:
    """One process of the group, from `begin` to `leave` or `kill`."""

    def __init__(self, group, make_stage, log):
        self.tasks = weakref.WeakSet()
        self._group = group
        self._log = log
        self._make_stage = make_stage
        self._handled = {}
        self._flows = False
        self._generation = 0
        self.is_fenced = False

    async def begin(self):
        await self._as_its_own(self._begin())

    async def revoke(self):
        await self._as_its_own(self._revoke())

    async def assign(self, numbers, generation):
        await self._as_its_own(self._assign(numbers, generation))

    async def leave(self):
        """As at SIGTERM: what is in hand ends, what was handled is committed."""
        await self._as_its_own(self._leave())

    async def kill(self):
        """As at SIGKILL, wherever its tasks stand: nothing more is handled or committed."""
        tasks = [task for task in self.tasks if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # What the system closes of a process that ends.
        outward = getattr(self._stage, "_outward", None)
        if outward is not None:
            await outward.sender.close()

    def sleep(self):
        """As at SIGSTOP: nothing goes on that asks the log or looks at the time."""
        self._log.awake.clear()

    def wake_up(self):
        self._log.awake.set()

    async def _as_its_own(self, doing):
        context = contextvars.copy_context()
        context.run(_OWNER.set, self)
        await asyncio.create_task(doing, context=context)

    async def _begin(self):
        self._stage = self._make_stage(self._log)
        self._lanes = Lanes(
            self._stage,
            self._log,
            self._group.name,
            handled=self._note,
            end=self._end,
            drain_s=30,
            fenced_s=0.1,
        )
        await self._stage.start()
        self._jobs = [asyncio.create_task(job) for job in (self._tick(), self._commit_now_and_then())]
        for job in self._jobs:
            job.add_done_callback(self._on_job_done)

    async def _revoke(self):
        self._flows = False
        await self._lanes.revoke()
        await self._commit()

    async def _assign(self, numbers, generation):
        self._handled.clear()
        self._generation, self._flows = generation, True
        await self._lanes.assign(numbers, generation)
        self._feeds = [
            asyncio.create_task(self._feed(topic, number, generation))
            for topic in self._stage.inputs
            for number in numbers
        ]

    async def _leave(self):
        for job in self._jobs:
            job.cancel()
        await asyncio.wait(self._jobs)
        await self._revoke()
        await self._lanes.close()
        await self._stage.stop()

    def _end(self, error):
        """Who was overtaken and is given nothing else ends, and is started again; nobody else ends."""
        if isinstance(error, Fenced):
            self.is_fenced = True
        else:
            self._group.ended.append(error)

    def _on_job_done(self, job):
        if not job.cancelling():
            self._group.ended.append(job.exception())

    def _note(self, topic, number, offset):
        self._handled[topic, number] = offset

    async def _feed(self, topic, number, generation):
        """What an actor of Faust does: the chunks of one partition of one topic, in order."""
        place = TopicPartition(topic, number)
        position = (await self._log.committed(self._group.name, topic, [number]))[number] or 0
        reader = self._log.reader()
        reader.seek(topic, number, position)
        while self._flows and self._generation == generation:
            for chunk in await reader.read(0):
                records = [record for batch in chunk.batches for record in batch]
                batch = FetchedBatch(Batch(records) if records else None, position, chunk.next_offset)
                position = chunk.next_offset
                await self._lanes.take(chunk_of(place, [batch], generation))
            await asyncio.sleep(_TICK_EVERY_S)

    async def _tick(self):
        # As topologies.host has it.
        while not is_cancelled():
            await self._log.awake.wait()
            await self._lanes.tick()
            await asyncio.sleep(_TICK_EVERY_S)

    async def _commit_now_and_then(self):
        while True:
            await asyncio.sleep(5 * _TICK_EVERY_S)
            await self._commit()

    async def _commit(self):
        handled, generation = dict(self._handled), self._generation
        await self._log.turns()
        for (topic, number), offset in handled.items():
            if await self._group.commit(generation, topic, number, offset):
                await self._lanes.committed(topic, number, offset)


class Group:
    """The members of one stage, and who has what. `ended` are the errors with which a process would have ended."""

    def __init__(self, name, make_stage, log, partitions, random):
        self.name = name
        self.ended = []
        self.generation = 0
        self._make_stage = make_stage
        self._log = log
        self._partitions = partitions
        self._random = random
        self._members = []
        self._sleeping = None

    async def commit(self, generation, topic, number, offset):
        """Whether it was taken: a broker takes commits of the present generation only."""
        if generation != self.generation:
            return False
        await self._log.commit(self.name, topic, {number: offset})
        return True

    async def grow(self):
        member = Member(self, self._make_stage, SlowLog(self._log, self._random))
        await member.begin()
        self._members.append(member)
        await self.rebalance()

    async def shrink(self):
        if len(self._members) > 1:
            member = self._members.pop(self._random.randrange(len(self._members)))
            await member.leave()
            await self.rebalance()

    async def lose(self):
        """One is killed, and another one comes for it."""
        await self._members.pop(self._random.randrange(len(self._members))).kill()
        await self.grow()

    async def sleep(self):
        """One stands still; the group gives what it had to the others, and it finds out when it goes on."""
        if len(self._members) > 1 and self._sleeping is None:
            self._sleeping = self._members.pop(self._random.randrange(len(self._members)))
            self._sleeping.sleep()
            await self.rebalance()

    async def wake_up(self):
        if self._sleeping is not None:
            self._sleeping.wake_up()
            await asyncio.sleep(self._random.choice([0, 0.005, 0.05]))
            self._members.append(self._sleeping)
            self._sleeping = None
            await self.rebalance()

    async def supervise(self):
        """Start again who has ended."""
        for member in [member for member in self._members if member.is_fenced]:
            self._members.remove(member)
            await member.kill()
            await self.grow()

    async def rebalance(self):
        await asyncio.gather(*(member.revoke() for member in self._members))
        self.generation += 1
        split = {member: set() for member in self._members}
        for number in range(self._partitions):
            split[self._random.choice(self._members)].add(number)
        await asyncio.gather(*(member.assign(numbers, self.generation) for member, numbers in split.items()))

    async def end(self):
        await self.wake_up()
        for member in self._members:
            await member.leave()
