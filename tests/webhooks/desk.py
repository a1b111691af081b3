"""A webhooks stage in the hands of a test: its log, its clock, its definitions and what became of deliveries."""

import asyncio
import time
from ipaddress import ip_network

from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.model.change import TagChange, change_id, to_json
from octyseg.model.definitions.definition import AccountConfiguration, WebhookEndpoint
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import ACCOUNT_KEY, StoredAccount, StoredEndpoint, encoded, endpoint_key
from octyseg.projection.reader import Reader
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.webhooks import WebhooksStage
from octyseg.stages.webhooks_ledger import Topics
from octyseg.stages.webhooks_outboxes import Outward
from octyseg.webhooks.delivery import decode_record
from octyseg.webhooks.guard import Policy
from octyseg.webhooks.queue import Queue
from octyseg.webhooks.sealing import Seal, new_key
from octyseg.webhooks.sender import Sender

NAMESPACE, PREFIX = "octyseg.", "octyseg:"
TOPICS = Topics(*(NAMESPACE + name for name in ("tags", "deliveries", "deadletter", "definitions")))
LOCAL = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.0/8"),))
PATIENCE_S = 20


def change(profile_id, sequence, *, segment="gold", kind="added", webhook=True, at_ms=1_700_000_000_000, late_ms=0):
    return TagChange(
        change_id(segment, 1, profile_id, str(sequence), kind),
        profile_id,
        "c-1",
        f"segment_{segment}",
        segment,
        1,
        "live",
        kind,
        "matched",
        at_ms,
        at_ms + late_ms,
        sequence,
        ("e",),
        webhook,
    )


class Desk:
    def __init__(self, redis, partitions=1):
        self.redis = redis
        self.partitions = partitions
        self.now_ms = int(time.time() * 1000)
        self.log = MemoryLog(lambda: self.now_ms)
        self.seal = Seal(new_key())
        self.queue = Queue(redis, PREFIX)
        self.stage = None
        self.positions = dict.fromkeys(range(partitions), 0)
        self.total_timeout_s = 10.0
        self.options = {}
        # Time passes by itself only where a test says so.
        self.follows_the_wall = False

    async def prepare(self):
        await self.log.create_topics(specs(NAMESPACE, self.partitions))

    async def leave(self):
        if self.stage is not None:
            await self.end()

    async def account(self, url):
        stored = StoredAccount(updated_at_ms=1, definition=AccountConfiguration(webhook_url=url))
        await self.define(ACCOUNT_KEY, stored)

    async def endpoint(self, name, url, **options):
        definition = WebhookEndpoint(name=name, url=url, **options)
        await self.define(endpoint_key(name), StoredEndpoint(created_at_ms=1, updated_at_ms=1, definition=definition))

    async def define(self, key, stored):
        await self.log.append(TOPICS.definitions, 0, [NewRecord(key, encoded(stored))])

    async def begin(self):
        """A new process takes all partitions."""
        self.sender = Sender(LOCAL, total_timeout_s=self.total_timeout_s)
        outward = Outward(self.queue, self.sender, self.seal, lambda: self.now_ms)
        profiles = Reader(self.redis, PREFIX, self.partitions)
        self.stage = WebhooksStage(
            self.log, TOPICS, CatalogFollower(self.log, TOPICS.definitions), profiles, outward, **self.options
        )
        await self.stage.start()
        for partition, position in self.positions.items():
            await self.stage.open(partition, {TOPICS.tags: position})

    async def end(self):
        """The process ends cleanly."""
        for partition in self.positions:
            await self.stage.close(partition)
        await self.stage.stop()
        self.stage = None

    async def crash(self):
        """The process is gone: nothing more is written, what it held is forgotten."""
        await self.stage.stop()
        self.stage = None

    async def publish(self, *changes, partition=0):
        """Changes appear on the tags topic and are handed to the stage, and the position is committed."""
        appended = await self.log.append(
            TOPICS.tags, partition, [NewRecord(one.profile_id.encode(), to_json(one)) for one in changes]
        )
        await self.hand_over(partition, appended.first_offset)
        self.positions[partition] = appended.next_offset

    async def hand_over(self, partition=0, start=0):
        reader = self.log.reader()
        reader.seek(TOPICS.tags, partition, start)
        for chunk in await reader.read(1.0):
            await self.stage.handle(chunk)

    async def until(self, condition, what="it"):
        """Tick until the condition holds."""
        deadline = time.monotonic() + PATIENCE_S
        while not (result := await condition() if asyncio.iscoroutinefunction(condition) else condition()):
            assert time.monotonic() < deadline, f"{what} did not happen; records: {(await self.records())[-5:]}"
            if self.follows_the_wall:
                self.now_ms = int(time.time() * 1000)
            if self.stage is not None:
                await self.stage.tick()
            await asyncio.sleep(0.005)
        return result

    async def records(self, status=None, endpoint=None):
        """The records of deliveries so far."""
        found = []
        for partition in range(self.partitions):
            found += [decode_record(stored.value) for stored in await self.stored(TOPICS.deliveries, partition)]
        return [
            one
            for one in found
            if (status is None or one.status == status) and (endpoint is None or one.endpoint == endpoint)
        ]

    async def stored(self, topic, partition=0):
        reader = self.log.reader()
        reader.seek(topic, partition, 0)
        return [record for chunk in await reader.read(0) for batch in chunk.batches for record in batch]

    async def recorded(self, status, count, endpoint=None):
        """Wait for so many records of this status."""

        async def enough():
            found = await self.records(status, endpoint)
            return found if len(found) >= count else None

        return await self.until(enough, f"{count} {status}")

    async def registry(self):
        return Registry.fold([(one.key, one.value) for one in await self.stored(TOPICS.definitions)])

    async def secrets(self, endpoint):
        kept = (await self.registry()).secrets(endpoint)
        return [self.seal.open(sealed) for sealed in (kept.sealed, kept.previous) if sealed is not None]
