"""Webhooks from one process: deliveries a second to a fast receiver, and the way from the tags topic to it.

`more` compares with a loop of a bare httpx client posting the same bytes, ten at a time, in the same
process just before, and has the waits at a pace of PACE_PER_S. The log is in memory, Redis is a real one.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from ipaddress import ip_network
from pathlib import Path

import httpx
from redis.asyncio import Redis

from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.model.change import TagChange, to_json
from octyseg.model.definitions.definition import AccountConfiguration
from octyseg.model.definitions.stored import ACCOUNT_KEY, StoredAccount, encoded
from octyseg.projection.private import private_valkey
from octyseg.projection.reader import Reader
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.webhooks import WebhooksStage
from octyseg.stages.webhooks_ledger import Topics
from octyseg.stages.webhooks_outboxes import Outward
from octyseg.webhooks.guard import Policy
from octyseg.webhooks.queue import Queue
from octyseg.webhooks.sealing import Seal, new_key
from octyseg.webhooks.sender import Sender
from tests.benchmarks.measured import Measured, Stopwatch

PACE_PER_S = 500
PACED = 2_500
EVERY_S = 0.02
CHUNK = 200
AT_ONCE = 10
TOPICS = Topics(*("octyseg." + name for name in ("tags", "deliveries", "deadletter", "definitions")))


def measure(settings: Settings, events: int) -> Measured:
    """So many deliveries as fast as they go, then some at an even pace."""
    del settings
    words = [sys.executable, "-m", "tests.benchmarks.receiver"]
    with tempfile.TemporaryDirectory() as directory, private_valkey(Path(directory)) as url:
        receiver = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        assert receiver.stdout is not None
        try:
            return asyncio.run(_measure(url, f"http://127.0.0.1:{receiver.stdout.readline().strip()}/", events))
        finally:
            receiver.kill()
            receiver.communicate()


async def _measure(redis_url: str, url: str, events: int) -> Measured:
    bare = await _bare(url, events)
    async with Redis.from_url(redis_url) as redis:
        desk = _Desk(redis)
        await desk.start(url)
        watch = Stopwatch()
        for start in range(0, events, CHUNK):
            await desk.publish(range(start, start + CHUNK))
        await desk.until(events)
        measured = watch.stop(events)
        published: dict[str, float] = {}
        size, due_s = round(PACE_PER_S * EVERY_S), time.time()
        for start in range(events, events + PACED, size):
            published |= dict.fromkeys(
                (_change(number).change_id for number in range(start, start + size)), time.time()
            )
            await desk.publish(range(start, start + size))
            due_s += EVERY_S
            await asyncio.sleep(max(0.0, due_s - time.time()))
        await desk.until(events + PACED)
        await desk.stop()
    async with httpx.AsyncClient(trust_env=False) as client:
        arrived = (await client.get(url)).json()
    waits_ms = sorted(1000 * (arrived[name] - at) for name, at in published.items())
    measured.more = {
        "bare_httpx_per_s": round(bare.events_per_s),
        "of_bare_httpx": round(measured.events_per_s / bare.events_per_s, 2),
        "paced_per_s": round(PACED / (max(published.values()) - min(published.values()))),
        "p50_ms": round(waits_ms[len(waits_ms) // 2], 1),
        "p99_ms": round(waits_ms[int(len(waits_ms) * 0.99)], 1),
    }
    return measured


async def _bare(url: str, events: int) -> Measured:
    """The same number of posts of the same size, with nothing around them."""
    body = to_json(_change(0))
    numbers = iter(range(events))
    async with httpx.AsyncClient(trust_env=False) as client:

        async def post() -> None:
            for _ in numbers:
                await client.post(url, content=body)

        watch = Stopwatch()
        await asyncio.gather(*(post() for _ in range(AT_ONCE)))
        return watch.stop(events)


class _Desk:
    """The stage on a log in memory, with a task that ticks as a host does."""

    def __init__(self, redis: Redis) -> None:
        self._log = MemoryLog(lambda: time.time_ns() // 1_000_000)
        policy = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.0/8"),))
        clock = lambda: time.time_ns() // 1_000_000  # noqa: E731 - the same clock twice
        outward = Outward(Queue(redis, "octyseg:"), Sender(policy), Seal(new_key()), clock)
        follower = CatalogFollower(self._log, TOPICS.definitions)
        self._stage = WebhooksStage(self._log, TOPICS, follower, Reader(redis, "octyseg:", 1), outward)
        self._reader = self._log.reader()

    async def start(self, url: str) -> None:
        """One partition, one endpoint."""
        await self._log.create_topics(specs("octyseg.", 1))
        stored = StoredAccount(updated_at_ms=1, definition=AccountConfiguration(webhook_url=url))
        await self._log.append(TOPICS.definitions, 0, [NewRecord(ACCOUNT_KEY, encoded(stored))])
        await self._stage.start()
        await self._stage.open(0, {TOPICS.tags: 0})
        self._reader.seek(TOPICS.tags, 0, 0)
        self._ticking = asyncio.create_task(self._tick())

    async def publish(self, numbers: range) -> None:
        """Changes on the tags topic, handed to the stage."""
        changes = [_change(number) for number in numbers]
        records = [NewRecord(one.profile_id.encode(), to_json(one)) for one in changes]
        await self._log.append(TOPICS.tags, 0, records)
        for chunk in await self._reader.read(1.0):
            await self._stage.handle(chunk)

    async def until(self, deliveries: int) -> None:
        """So many deliveries have succeeded and are written down."""
        # Two records of each: scheduled, succeeded.
        while (await self._log.ends(TOPICS.deliveries, [0]))[0] < 2 * deliveries:
            if self._ticking.done():
                self._ticking.result()
            await asyncio.sleep(0.01)

    async def stop(self) -> None:
        """End cleanly."""
        self._ticking.cancel()
        await asyncio.gather(self._ticking, return_exceptions=True)
        await self._stage.close(0)
        await self._stage.stop()

    async def _tick(self) -> None:
        while True:
            await self._stage.tick()
            await asyncio.sleep(0.05)


def _change(number: int) -> TagChange:
    at_ms = 1_700_000_000_000 + number
    profile = f"profile_{number % 1000:07}"
    return TagChange(
        f"chg_{number:032x}",
        profile,
        None,
        "segment_5cc1b718",
        "Left without paying",
        1,
        "live",
        "added",
        "matched",
        at_ms,
        at_ms,
        number,
        ("octyseg.events-0-0",),
    )
