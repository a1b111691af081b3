"""Faults while the shop goes on: each begins when its share of the events is sent and the last one is healed."""

import asyncio
import signal
import time


class Storm:
    """Carries out faults in order; `recoveries` say when each began and how long until every partition moved."""

    def __init__(self, fleet, shoppers):
        self.fleet = fleet
        self.shoppers = shoppers
        self.recoveries = []
        self.outages = []

    async def rage(self, faults, *, on_events=False):
        """`faults` are functions of this storm, spread evenly over the events. `on_events`: none begins without any."""
        self.shoppers.needs_more = on_events
        for number, fault in enumerate(faults, 1):
            share = self.shoppers.count * number // (len(faults) + 1)
            deadline_s = self.shoppers.lasts_s + 120
            await self.fleet.until(lambda share=share: self.has_sent(share), "events are sent", deadline_s)
            before = await self._reached()
            begun_s = time.monotonic()
            await fault(self)
            await self.fleet.until(lambda before=before: self._moved(before), "recovery")
            self.recoveries.append((begun_s, time.monotonic() - begun_s))
        self.shoppers.needs_more = False

    async def has_sent(self, count):
        return self.shoppers.sent >= min(count, self.shoppers.count)

    async def _reached(self):
        return await self.fleet.ends("outcomes"), await self.fleet.ends("tags")

    async def _moved(self, before):
        """Two appends a partition at least, as the first is an owner's claim, or there is nothing left to do."""
        if self.shoppers.sent >= self.shoppers.count and await self.fleet.all_read():
            return True
        outcomes, tags = await self._reached()
        on = all(outcomes[number] > before[0][number] + 1 for number in outcomes)
        return on and all(tags[number] > before[1][number] for number in tags)


def kill(slot):
    """SIGKILL, and the supervisor starts it again."""

    async def fault(storm):
        storm.fleet.kill(slot)
        storm.fleet.start(slot)

    return fault


def terminate(slot):
    """SIGTERM, which must end the worker in time and cleanly; then it is started again."""

    async def fault(storm):
        assert await storm.fleet.stop(slot) == [0]
        storm.fleet.start(slot)

    return fault


def join(slot):
    """One worker more."""

    async def fault(storm):
        storm.fleet.start(slot)

    return fault


def leave(slot):
    """A worker ends for good: the others find out when its session is over."""

    async def fault(storm):
        assert await storm.fleet.stop(slot) == [0]

    return fault


def pause(slot, pause_s):
    """SIGSTOP for so long, which the others notice by their clocks alone, then SIGCONT."""

    async def fault(storm):
        awake_at_s = time.monotonic() + pause_s
        storm.fleet.signal(slot, signal.SIGSTOP)
        await storm.fleet.until(lambda: _past(awake_at_s), "the end of the pause")
        storm.fleet.signal(slot, signal.SIGCONT)

    return fault


def die_at(slot, point, after):
    """The worker comes back with a weak spot, dies there, and the supervisor starts it healthy."""

    async def fault(storm):
        fleet = storm.fleet
        ended = fleet.ended[slot]
        await asyncio.to_thread(fleet.kill, slot)
        fleet.start(slot, AFFLICTED_DIE_AT=point, AFFLICTED_DIE_AFTER=str(after))

        async def died():
            return fleet.ended[slot] > ended

        await fleet.until(died, f"{slot} passes {point}")

    return fault


async def _past(instant_s):
    return time.monotonic() > instant_s


async def kill_broker(storm):
    """SIGKILL and a restart with the same data; the outage ends when the broker answers."""
    begun_ms = time.time_ns() // 1_000_000
    await asyncio.to_thread(storm.fleet.broker.kill)
    await asyncio.to_thread(storm.fleet.broker.start)
    storm.outages.append((begun_ms, time.time_ns() // 1_000_000))


def victims(chance, slots, count):
    """Random slots, none twice in a row: a worker that has not come back yet is not there to be killed."""
    chosen = [chance.choice(slots)]
    while len(chosen) < count:
        chosen.append(chance.choice([slot for slot in slots if slot != chosen[-1]]))
    return chosen
