"""The simulated shop as a producer: every event is stamped when it happens and sent at once, or when it can be."""

import asyncio
import time

from octyseg.log.port import NewRecord
from octyseg.model.placement import partition_of
from octyseg.traffic.patterns import simulate

PROFILES = 10_000
# So much longer may it take than it was meant to.
MOST_TIMES = 10
_WAKE_EVERY_S = 0.05


class Shoppers:
    """`sent` events are acknowledged; `run` ends when `count` are, and not while something `needs_more`.

    `spoil` may change what is sent to a partition, and `only_partition` leaves out profiles of all others.
    """

    def __init__(
        self, fleet, count, rate_per_s, seed, *, spoil=lambda records: records, only_partition=None, profiles=PROFILES
    ):
        self.fleet = fleet
        self.count = count
        self.lasts_s = count / rate_per_s
        self.sent = 0
        self.needs_more = False
        self._rate_per_s = rate_per_s
        self._seed = seed
        self._spoil = spoil
        self._only_partition = only_partition
        self._profiles = profiles

    async def run(self):
        partitions = len(self.fleet.numbers)
        places = {}
        due = []
        most = self.count * MOST_TIMES
        events = simulate(self._profiles, most, self._rate_per_s, self._seed, time.time_ns() // 1_000_000)
        event = next(events)
        while self.sent < (most if self.needs_more else self.count):
            now_ms = time.time_ns() // 1_000_000
            room = (most if self.needs_more else self.count) - self.sent
            while event is not None and event.at_ms <= now_ms and len(due) < room:
                due.append(event)
                event = next(events, None)
            records = {}
            for one in due:
                key = one.profile_id.encode()
                place = places.get(key)
                if place is None:
                    place = places[key] = partition_of(one.profile_id, partitions)
                records.setdefault(place, []).append(NewRecord(key, one.line))
            topic = self.fleet.topic("events")
            spoilt = {
                place: self._spoil(batch) for place, batch in records.items() if self._only_partition in (None, place)
            }
            await asyncio.gather(
                *(self.fleet.log.append(topic, place, batch) for place, batch in spoilt.items() if batch)
            )
            self.sent += len(due)
            due.clear()
            await asyncio.sleep(_WAKE_EVERY_S)
