"""A process that appends to an embedded log for ever and prints every acknowledgement; tests kill it.

Run as: python -m tests.log.appending FILE NAME. Each line printed is the first offset and the number
of an append of three records to partition 0 of `events`, after it was acknowledged.
"""

import asyncio
import itertools
import sys

from octyseg.log.embedded import EmbeddedLog
from octyseg.log.port import NewRecord, TopicSpec


async def append_for_ever(path, name):
    log = EmbeddedLog(path)
    await log.start()
    await log.create_topics([TopicSpec("events", 2, compacted=False, retention_ms=-1)])
    for number in itertools.count():
        records = [NewRecord(name.encode(), b"%d.%d" % (number, part)) for part in range(3)]
        appended = await log.append("events", 0, records)
        print(appended.first_offset, number, flush=True)  # noqa: T201 - how it tells its parent


if __name__ == "__main__":
    asyncio.run(append_for_ever(*sys.argv[1:]))
