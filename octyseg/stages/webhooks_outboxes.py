"""The outboxes of a process: one for each endpoint, as the definitions say, and each with a task of its own.

Follows the definitions, makes the first secret of an endpoint, and turns off an endpoint whose receiver
is gone. Used by the webhooks stage, which says when partitions open and close.
"""

import asyncio
import contextlib
import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

from octyseg import logs
from octyseg.errors import Unavailable
from octyseg.log.port import Log, NewRecord
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredSwitch, encoded, secrets_key, switch_key
from octyseg.stages.catalog import CatalogFollower
from octyseg.webhooks.breaker import CLOSED
from octyseg.webhooks.endpoint import Endpoint, endpoints, rotated
from octyseg.webhooks.judging import Settlement
from octyseg.webhooks.outbox import OnSettled, Outbox
from octyseg.webhooks.queue import Queue
from octyseg.webhooks.sealing import Seal
from octyseg.webhooks.sender import Sender
from octyseg.webhooks.signature import SECRET_BYTES, secret_of

_logger = logs.get(__name__)


class Outward(NamedTuple):
    """What outboxes need of the world: the schedule, the way out, the key of the secrets, the time."""

    queue: Queue
    sender: Sender
    seal: Seal
    clock: Callable[[], int]


class Outboxes:
    """Lives between the stage's `start` and `stop`."""

    def __init__(
        self, log: Log, follower: CatalogFollower, outward: Outward, topic: str, on_settled: OnSettled
    ) -> None:
        self.endpoints: dict[str, Endpoint] = {}
        self._log = log
        self._follower = follower
        self._outward = outward
        self._topic = topic
        self._on_settled = on_settled
        self._boxes: dict[str, Outbox] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._partitions: set[int] = set()
        self._turned_off: dict[str, StoredSwitch] = {}
        self._untold: list[StoredSwitch] = []

    async def start(self) -> None:
        """Read the definitions there are."""
        await self._follower.start()
        await self._adopt()
        await self.poll()

    async def poll(self) -> None:
        """Tell what was turned off, and follow the definitions."""
        await self._tell()
        if await self._follower.poll():
            await self._adopt()

    async def prepare(self, partition: int) -> None:
        """Have an outbox for everything that is scheduled; ProjectionUnavailable: call again."""
        for name in await self._outward.queue.lanes(partition):
            if name not in self._boxes:
                self._add(_unknown(name))
        if not self._partitions:
            for name, box in list(self._boxes.items()):
                box.breaker = await self._outward.queue.breaker(name)

    def open(self, partition: int) -> None:
        """Send what is scheduled of this partition, from its beginning."""
        self._partitions.add(partition)
        for box in self._boxes.values():
            box.open(partition)

    async def close(self, partition: int, drain_s: float) -> None:
        """Send no more of this partition."""
        self._partitions.discard(partition)
        await asyncio.gather(*(box.close(partition, drain_s) for box in self._boxes.values()))

    def forget(self, partition: int) -> None:
        """What was in hand of a closed partition is its next owner's."""
        for box in self._boxes.values():
            box.forget(partition)

    async def stop(self) -> None:
        """End all tasks."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        await asyncio.gather(*(box.stop() for box in self._boxes.values()))
        with contextlib.suppress(Unavailable):
            await self._tell()
        await self._outward.sender.close()
        await self._follower.close()

    def tick(self, now_ms: int) -> None:
        """Let every outbox look at the time; raises what broke one."""
        for name, box in self._boxes.items():
            if self._tasks[name].done():
                self._tasks[name].result()
            box.tick(now_ms)

    def notice(self, partition: int, names: Iterable[str]) -> None:
        """Something was scheduled for these endpoints."""
        for name in names:
            self._boxes[name].notice(partition)

    def written(self, settlement: Settlement) -> None:
        """What became of a delivery is written down."""
        self._boxes[settlement.delivery.endpoint].written(settlement)

    def turn_off(self, name: str, reason: str) -> None:
        """Stop sending to an endpoint now; all workers will hear of it."""
        if not self._boxes[name].endpoint.enabled:
            return
        switch = StoredSwitch(endpoint=name, enabled=False, reason=reason, at_ms=self._outward.clock())
        self._turned_off[name] = switch
        self._untold.append(switch)
        self._change(self.endpoints[name])
        _logger.warning("webhook endpoint disabled", endpoint=name, reason=reason)

    async def _tell(self) -> None:
        while self._untold:
            switch = self._untold[0]
            await self._log.append(self._topic, 0, [NewRecord(switch_key(switch.endpoint), encoded(switch))])
            self._untold.pop(0)

    async def _adopt(self) -> None:
        registry = self._follower.registry
        self.endpoints = endpoints(registry, self._outward.seal)
        await self._make_secrets(registry)
        for name, box in list(self._boxes.items()):
            if name not in self.endpoints and box.endpoint.enabled:
                box.change(_unknown(name))
                await self._outward.sender.forget(name)
        for name, endpoint in list(self.endpoints.items()):
            if name not in self._boxes:
                self._add(endpoint)
            self._change(endpoint, registry)

    def _change(self, endpoint: Endpoint, registry: Registry | None = None) -> None:
        """Take in a definition, unless the endpoint was turned off here and the topic does not know it yet."""
        off = self._turned_off.get(endpoint.name)
        known = registry.switch(endpoint.name) if registry is not None else None
        if off is not None and known is not None and known.at_ms >= off.at_ms:
            del self._turned_off[endpoint.name]
        elif off is not None:
            endpoint = endpoint._replace(enabled=False, why_disabled=off.reason)
        self.endpoints[endpoint.name] = endpoint
        if self._boxes[endpoint.name].endpoint != endpoint:
            self._boxes[endpoint.name].change(endpoint)

    def _add(self, endpoint: Endpoint) -> None:
        box = self._boxes[endpoint.name] = Outbox(
            endpoint,
            breaker=CLOSED,
            schedule=self._outward.queue,
            post=self._outward.sender.post,
            clock=self._outward.clock,
            on_settled=self._on_settled,
            on_hopeless=self.turn_off,
        )
        for partition in self._partitions:
            box.open(partition)
        self._tasks[endpoint.name] = asyncio.create_task(box.run(), name=f"webhooks to {endpoint.name}")

    async def _make_secrets(self, registry: Registry) -> None:
        """An endpoint nobody has asked a secret of is signed all the same, with one that nobody knows yet."""
        for name, endpoint in self.endpoints.items():
            if endpoint.enabled and not endpoint.secrets:
                secret = secret_of(secrets.token_bytes(SECRET_BYTES))
                made = rotated(registry.secrets(name), name, self._outward.seal.close(secret), self._outward.clock())
                await self._log.append(self._topic, 0, [NewRecord(secrets_key(name), encoded(made))])


def _unknown(name: str) -> Endpoint:
    """Stands for an endpoint that is not defined any more."""
    why = "it is not defined any more"
    return Endpoint(name, "", frozenset(), frozenset(), "standard", (), enabled=False, why_disabled=why, secrets=())
