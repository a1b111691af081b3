"""The outbox of one endpoint: decides what is sent next, sends it, and hands over what became of it.

At most ten posts are under way, at most three of them retries, so that a backlog of retries leaves room
for news; the breaker may stop them all. It shares nothing with other endpoints, so a slow one holds up
only itself. An endpoint that is not in use has its deliveries settled without sending.
"""

import asyncio
import random
from collections import deque
from collections.abc import Callable
from typing import Protocol

import msgspec

from octyseg import metrics
from octyseg.cancellation import is_cancelled
from octyseg.errors import ProjectionUnavailable
from octyseg.model.change import from_json
from octyseg.webhooks.answer import Answer
from octyseg.webhooks.breaker import CLOSED, Breaker, after
from octyseg.webhooks.delivery import Delivery
from octyseg.webhooks.endpoint import Endpoint
from octyseg.webhooks.judging import Settlement, dropped, judge
from octyseg.webhooks.lane import WINDOW, Lane
from octyseg.webhooks.payload import body_of
from octyseg.webhooks.queue import Due
from octyseg.webhooks.signature import sign

MAX_IN_FLIGHT = 10
MAX_RETRIES_IN_FLIGHT = 3
# Sent or being sent and not yet written down: bounds what is repeated after a kill, and stops when Redis does.
MAX_IN_HAND = 100
# Replays are put on the schedule by others; this is how soon they are found.
LOOK_EVERY_MS = 1_000


class Schedule(Protocol):
    """Where deliveries wait (octyseg.webhooks.queue)."""

    async def first(self, partition: int, endpoint: str, after: int, limit: int) -> tuple[list[Delivery], bool]:
        """Deliveries without an attempt behind an offset, in order; and whether there may be more."""
        ...

    async def due(self, partition: int, endpoint: str, now_ms: int, limit: int) -> Due:
        """Deliveries to try again by now, and when the next one is due."""
        ...


class Post(Protocol):
    """The way out (octyseg.webhooks.sender)."""

    async def __call__(self, endpoint: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post once; nothing is raised."""
        ...


OnSettled = Callable[[int, Settlement, Breaker], None]
OnHopeless = Callable[[str, str], None]


class Outbox:
    """Lives while the stage runs. `on_settled` is told of every attempt, and answers with `written` in time."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        breaker: Breaker,
        schedule: Schedule,
        post: Post,
        clock: Callable[[], int],
        on_settled: OnSettled,
        on_hopeless: OnHopeless,
    ) -> None:
        self.endpoint = endpoint
        self.breaker = breaker
        self._schedule = schedule
        self._post = post
        self._clock = clock
        self._on_settled = on_settled
        self._on_hopeless = on_hopeless
        self._lanes: dict[int, Lane] = {}
        self._look_at_ms: dict[int, int] = {}
        self._due: deque[tuple[int, Delivery]] = deque()
        self._in_hand: dict[str, int] = {}
        self._flights: dict[asyncio.Task[None], int] = {}
        self._retries = 0
        self._failure: BaseException | None = None
        self._wake = asyncio.Event()
        self._wake_at_ms = 0

    def open(self, partition: int) -> None:
        """Send what is scheduled of this partition too, from its beginning."""
        self._lanes[partition] = Lane(self._lanes.get(partition))
        self._due = deque(item for item in self._due if item[0] != partition)
        self._look_at_ms[partition] = 0
        self._wake.set()

    async def close(self, partition: int, drain_s: float) -> None:
        """Send no more of this partition; posts under way may end within `drain_s`."""
        self._lanes.pop(partition, None)
        self._look_at_ms.pop(partition, None)
        self._due = deque(item for item in self._due if item[0] != partition)
        flights = [task for task, of in self._flights.items() if of == partition]
        if flights:
            _, late = await asyncio.wait(flights, timeout=drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def forget(self, partition: int) -> None:
        """The partition is closed and all of it was written down, or will be found by the next owner."""
        self._in_hand = {name: of for name, of in self._in_hand.items() if of != partition}

    def change(self, endpoint: Endpoint) -> None:
        """Another definition, other secrets or another switch."""
        if endpoint.enabled and not self.endpoint.enabled:
            self.breaker = CLOSED
        self.endpoint = endpoint
        self._look_at_ms = dict.fromkeys(self._look_at_ms, 0)
        self._wake.set()

    def notice(self, partition: int) -> None:
        """Something was scheduled."""
        lane = self._lanes.get(partition)
        if lane is not None:
            lane.more = True
            self._wake.set()

    def tick(self, now_ms: int) -> None:
        """Time passed."""
        rests = self.breaker.rests > 0 and bool(self._lanes) and self.endpoint.enabled
        metrics.WEBHOOK_BREAKER.labels(self.endpoint.name).set(rests)
        if now_ms >= self._wake_at_ms:
            self._wake.set()

    def written(self, settlement: Settlement) -> None:
        """A settlement stands in the log and in the schedule."""
        partition = self._in_hand.pop(settlement.delivery.id, None)
        if settlement.goes_on is not None and partition in self._look_at_ms:
            self._look_at_ms[partition] = min(self._look_at_ms[partition], settlement.goes_on.due_at_ms)
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        # Not for ever: Redis' client may take a cancellation for a lost connection.
        while not is_cancelled():
            await self._wake.wait()
            self._wake.clear()
            if self._failure is not None:
                raise self._failure
            now_ms = self._clock()
            self._wake_at_ms = now_ms + LOOK_EVERY_MS
            try:
                await self._fill(now_ms)
            except ProjectionUnavailable:
                # The stage says so; what is in hand ends, nothing more begins.
                continue
            while (taken := self._next(now_ms)) is not None:
                self._launch(*taken)
            wakes = [at_ms for at_ms in self._look_at_ms.values() if at_ms > now_ms]
            self._wake_at_ms = min([self._wake_at_ms, *wakes])

    async def stop(self) -> None:
        """Cancel what is under way; the next owner sends it again, under the same id."""
        for task in self._flights:
            task.cancel()
        await asyncio.gather(*self._flights, return_exceptions=True)

    async def _fill(self, now_ms: int) -> None:
        if self.endpoint.enabled and self.breaker.turn(now_ms) == "none":
            return
        name = self.endpoint.name
        for partition, lane in list(self._lanes.items()):
            if lane.wants:
                lane.more = False
                more = True
                # What is written down while the schedule is read was read as it stood before.
                held = set(self._in_hand)
                try:
                    found, more = await self._schedule.first(partition, name, lane.cursor, WINDOW)
                    if self._lanes.get(partition) is lane:
                        lane.fill(found, held)
                finally:
                    lane.more = lane.more or more
            if now_ms >= self._look_at_ms.get(partition, now_ms + 1) and len(self._due) < MAX_IN_FLIGHT:
                await self._fill_due(partition, now_ms)

    async def _fill_due(self, partition: int, now_ms: int) -> None:
        """Those that are not in use any more are settled whenever they are due."""
        until_ms = now_ms if self.endpoint.enabled else 2**53
        held = set(self._in_hand)
        # Set before asking: what is written down meanwhile may ask for an earlier look.
        self._look_at_ms[partition] = now_ms + LOOK_EVERY_MS
        due = await self._schedule.due(partition, self.endpoint.name, until_ms, MAX_IN_HAND + MAX_IN_FLIGHT)
        if partition not in self._lanes:
            return
        held.update(delivery.id for _, delivery in self._due)
        fresh = [one for one in due.deliveries if one.id not in held]
        self._due.extend((partition, one) for one in fresh)
        at_ms = now_ms if fresh else due.next_at_ms
        if at_ms is not None:
            self._look_at_ms[partition] = min(self._look_at_ms[partition], at_ms)

    def _next(self, now_ms: int) -> tuple[int, Delivery, bool] | None:
        """What is sent now, if anything may be; and whether it is a retry."""
        if len(self._in_hand) >= MAX_IN_HAND or len(self._flights) >= MAX_IN_FLIGHT:
            return None
        if self.endpoint.enabled:
            if not self.endpoint.secrets:
                return None
            turn = self.breaker.turn(now_ms)
            if turn == "none" or (turn == "probe" and self._flights):
                return None
        if self._due and self._retries < MAX_RETRIES_IN_FLIGHT:
            return *self._due.popleft(), True
        for partition, lane in list(self._lanes.items()):
            delivery = lane.pop()
            if delivery is not None:
                # The others' turn comes first next time.
                self._lanes[partition] = self._lanes.pop(partition)
                return partition, delivery, False
        return None

    def _launch(self, partition: int, delivery: Delivery, is_retry: bool) -> None:
        self._in_hand[delivery.id] = partition
        self._retries += is_retry
        task = asyncio.create_task(self._attempt(partition, delivery))
        self._flights[task] = partition

        def landed(task: asyncio.Task[None]) -> None:
            del self._flights[task]
            self._retries -= is_retry
            lane = self._lanes.get(partition)
            if lane is not None and not is_retry:
                lane.done(delivery.profile_id)
            self._wake.set()
            if task.cancelled():
                self._in_hand.pop(delivery.id, None)
            else:
                self._failure = self._failure or task.exception()

        task.add_done_callback(landed)

    async def _attempt(self, partition: int, delivery: Delivery) -> None:
        endpoint = self.endpoint
        if not endpoint.enabled:
            self._on_settled(partition, dropped(delivery, endpoint.why_disabled, self._clock()), self.breaker)
            return
        began_ms = self._clock()
        profile = msgspec.json.decode(delivery.profile) if delivery.profile else None
        body = body_of(from_json(delivery.change), endpoint.format, profile)
        headers = sign(endpoint.secrets_at(began_ms), delivery.change_id, began_ms, body)
        answer = await self._post(endpoint.name, endpoint.url, headers, body)
        now_ms = self._clock()
        chance = random.random()  # noqa: S311 - spreads retries, guards nothing
        self.breaker = after(self.breaker, success=answer.failure is None, now_ms=now_ms)
        metrics.WEBHOOK_ATTEMPTS.labels(endpoint.name, answer.failure or "ok").inc()
        metrics.WEBHOOK_SECONDS.labels(endpoint.name).observe(answer.duration_ms / 1000)
        self._on_settled(partition, judge(delivery, answer, now_ms, chance), self.breaker)
        if answer.failure == "gone":
            self._on_hopeless(endpoint.name, "its receiver answered 410")
        elif self.breaker.is_hopeless(now_ms):
            self._on_hopeless(endpoint.name, "it failed for five days")
