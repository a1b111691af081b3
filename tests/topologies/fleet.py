"""Worker processes of the counting stage, a producer, and the verdict: read back from the log."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import msgspec

from octyseg.log.port import NewRecord, TopicSpec, read_through
from tests.topologies.counting import Span

DEADLINE_S = 60.0
# Longer than a worker needs to start on a slow machine: one that comes back is to find its place kept.
SESSION_S = 12.0


class Verdict(NamedTuple):
    """`repeated` spans were written twice under two owners and count once."""

    right: bool
    repeated: int
    claims: int
    writers: dict


class Fleet:
    """Workers of one namespace, by slot; a slot's process comes back under the same instance id."""

    def __init__(self, log, server, namespace, partitions, directory: Path):
        self.log = log
        self.server = server
        self.namespace = namespace
        self.partitions = partitions
        self.directory = directory
        self.events = namespace + "events"
        self.outcomes = namespace + "outcomes"
        self.group = namespace + "counting"
        self.workers = {}
        self.produced = 0

    async def prepare(self):
        specs = [TopicSpec(name, self.partitions, False, 3_600_000) for name in (self.events, self.outcomes)]
        await self.log.create_topics(specs)

    def start(self, slot, instance=None, program=("tests.topologies.counting",)):
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OCTYSEG_")},
            "OCTYSEG_LOG": f"kafka://{self.server}",
            "OCTYSEG_NAMESPACE": self.namespace,
            "OCTYSEG_INSTANCE_ID": instance or f"slot-{slot}",
            "OCTYSEG_PARTITIONS": str(self.partitions),
            "OCTYSEG_SESSION_TIMEOUT_S": str(SESSION_S),
            "OCTYSEG_HEARTBEAT_S": "1",
        }
        with self.told(slot).open("ab") as out:
            command = [sys.executable, "-m", *program]
            self.workers[slot] = subprocess.Popen(command, env=environment, stdout=out, stderr=out)

    def told(self, slot) -> Path:
        return self.directory / f"slot-{slot}.out"

    def signal(self, slot, how):
        self.workers[slot].send_signal(how)

    def kill(self, slot):
        worker = self.workers.pop(slot)
        worker.kill()
        worker.wait()

    async def stop(self, slot):
        """SIGTERM; gives the exit code."""
        worker = self.workers.pop(slot)
        worker.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(worker.wait, 15)

    def close(self):
        for slot in list(self.workers):
            self.kill(slot)

    async def produce(self, count):
        """Append `count` numbers, spread over the partitions."""
        for partition in range(self.partitions):
            numbers = range(self.produced + partition, self.produced + count, self.partitions)
            records = [NewRecord(b"key", b"%d" % number) for number in numbers]
            if records:
                await self.log.append(self.events, partition, records)
        self.produced += count

    async def spans(self, partition):
        end = (await self.log.ends(self.outcomes, [partition]))[partition]
        records = read_through(self.log, self.outcomes, partition, 0, end)
        return [msgspec.json.decode(record.value, type=Span) async for record in records]

    async def until(self, condition, deadline_s=DEADLINE_S):
        """Wait for an async condition."""
        deadline = time.monotonic() + deadline_s
        while not await condition():
            if time.monotonic() > deadline:
                told = "\n".join(f"--- {path}\n{path.read_text()[-3000:]}" for path in self.directory.glob("*.out"))
                raise AssertionError(f"not within {deadline_s} s\n{told}")
            await asyncio.sleep(0.1)

    async def all_committed(self):
        numbers = range(self.partitions)
        return await self.log.committed(self.group, self.events, numbers) == await self.log.ends(self.events, numbers)

    async def owners(self):
        """The writer of the newest claim of each partition."""
        found = {}
        for partition in range(self.partitions):
            for span in await self.spans(partition):
                if span.start == span.stop:
                    found[partition] = span.writer
        return found

    async def verdict(self):
        """Fold the spans as a reader does: a lower epoch than the highest seen is void."""
        right, repeated, claims, writers = True, 0, 0, defaultdict(set)
        ends = await self.log.ends(self.events, range(self.partitions))
        for partition in range(self.partitions):
            values = [int(r.value) async for r in read_through(self.log, self.events, partition, 0, ends[partition])]
            epoch, stop, total = 0, 0, 0
            for span in await self.spans(partition):
                writers[partition].add(span.writer)
                if span.epoch < epoch:
                    repeated += 1
                    continue
                if span.start == span.stop:
                    claims += 1
                    epoch = span.epoch
                right = right and span.epoch == epoch and span.start == stop
                stop, total = span.stop, span.total
            right = right and stop == ends[partition] and total == sum(values)
        return Verdict(right, repeated, claims, dict(writers))
