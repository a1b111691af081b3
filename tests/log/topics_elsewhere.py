"""Topics on a real broker that are made, or taken away, beside the log that is looked at."""

import asyncio
import time

from octyseg.log.port import TopicSpec
from tests.log.promises import HOUR_MS


async def made_elsewhere(admin, new_topic):
    """A topic that was not made by the log; the broker that is asked next may hear of it late."""
    await admin.create_topics([new_topic])
    deadline = time.monotonic() + 30
    while (await admin.describe_topics([new_topic.name]))[0]["error_code"]:
        assert time.monotonic() < deadline, f"{new_topic.name} does not appear"
        await asyncio.sleep(0.05)


async def made(log, name, partitions=1, *, compacted=False):
    await log.create_topics([TopicSpec(name, partitions, compacted, -1 if compacted else HOUR_MS)])
    return name


async def deleted(admin, name):
    await admin.delete_topics([name])
    deadline = time.monotonic() + 30
    while name in await admin.list_topics():
        assert time.monotonic() < deadline, f"{name} does not go"
        await asyncio.sleep(0.05)
