"""Worker processes on a broker and a Redis of the test's own: started, killed, paused and started again by slot."""

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

from octyseg.hosting.runner import group_of
from octyseg.log.kafka import KafkaLog
from octyseg.log.port import read_through
from octyseg.log.topics import specs
from octyseg.settings import Settings
from octyseg.stages.catalog import CatalogFollower
from tests.kafka.verdict import Judge

SEGMENTS = Path(__file__).with_name("segments.yaml")
DEADLINE_S = 60.0
EXIT_S = 15.0


class Fleet:
    """A slot is `live-0` or `tags-1`: what the worker runs, and its number.

    A worker that ends by itself is an error, unless the fleet is `supervised`: then it is started again, healthy,
    and counted in `ended`.
    """

    def __init__(self, broker, redis_url, directory, **options):
        self.broker = broker
        self.directory = directory
        self.settings = Settings(
            log=broker.url,
            redis=redis_url,
            instance_id="fleet",
            partitions=8,
            grace_ms=2_000,
            min_exp_timeframe=0.01,
            flush_every_s=3,
            commit_every_s=0.25,
            **options,
        )
        self.log = KafkaLog(self.settings.kafka_servers, patience_s=120.0)
        self.workers = {}
        self.began = {}
        self.supervised = False
        self.ended = Counter()

    async def prepare(self, *files):
        """Make the topics, and put definitions in force before anybody runs."""
        await self.log.start()
        await self.log.create_topics(specs(self.settings.namespace, self.settings.partitions))
        for file in files:
            done = await self.octyseg("apply", "-f", str(file))
            assert done.returncode == 0, done.stderr

    async def close(self):
        for slot in list(self.workers):
            self.kill(slot)
        await self.log.close()

    # Processes.

    def start(self, slot, **more):
        stages, number = slot.split("-")
        guard = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
        afflicted = any(name.startswith("AFFLICTED_") for name in more)
        program = "tests.kafka.afflicted" if afflicted else "octyseg"
        command = [*guard, sys.executable, "-m", program, "worker", stages, "--slot", number]
        with self.told(slot).open("ab") as out:
            self.began[slot] = out.tell()
            worker = subprocess.Popen(
                command, env=self.environment() | more, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        self.workers[slot] = worker
        return worker

    def environment(self):
        outside = {name: value for name, value in os.environ.items() if not name.startswith("OCTYSEG_")}
        given = self.settings.model_dump(exclude_unset=True)
        return outside | {f"OCTYSEG_{name.upper()}": str(value) for name, value in given.items() if value is not None}

    def told(self, slot):
        """The file of everything that the workers of a slot said."""
        return self.directory / f"{slot}.out"

    async def has_started(self, slot):
        """Whether the slot's worker, as it was started last, has come as far as its stages."""
        with self.told(slot).open("rb") as told:
            told.seek(self.began[slot])
            return b"stage started" in told.read()

    async def is_at_work(self):
        """Whether every live worker has opened all partitions that it was given last."""
        return all(self._has_opened(slot) for slot in self.workers if slot.startswith("live"))

    def _has_opened(self, slot):
        with self.told(slot).open("rb") as told:
            told.seek(self.began[slot])
            lines = [json.loads(line) for line in told if line.startswith(b"{")]
        given, has = None, set()
        for line in lines:
            if line["event"] == "partitions assigned" and line["stage"] == "live":
                given = set(line["partitions"])
            elif line["event"] == "partition open":
                has.add(line["partition"])
            elif line["event"] == "partition closed":
                has.discard(line["partition"])
        return given is not None and given <= has

    def signal(self, slot, how):
        self.workers[slot].send_signal(how)

    def kill(self, slot):
        worker = self.workers.pop(slot)
        worker.kill()
        worker.wait()

    async def stop(self, *slots):
        """SIGTERM to all of them at once; the exit codes in order. One that is still being loaded is waited for."""
        for slot in slots:
            await self.until(partial(self.has_started, slot), f"{slot} has started")
        workers = [self.workers.pop(slot) for slot in slots]
        for worker in workers:
            worker.send_signal(signal.SIGTERM)
        return [await asyncio.to_thread(worker.wait, EXIT_S) for worker in workers]

    async def octyseg(self, *words):
        """Run a verb to its end."""
        return await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "octyseg", *words],
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )

    # What the log says.

    @property
    def numbers(self):
        return range(self.settings.partitions)

    def topic(self, short_name):
        return self.settings.topic(short_name)

    async def segments(self):
        """The definitions in force, as the engine reads them."""
        follower = CatalogFollower(self.log, self.topic("definitions"))
        await follower.start()
        await follower.close()
        return [segment for segment in follower.catalog.segments.values() if not segment.deleted]

    async def ends(self, short_name):
        return await self.log.ends(self.topic(short_name), self.numbers)

    async def records(self, short_name, number):
        """Everything on a partition."""
        topic = self.topic(short_name)
        end = (await self.log.ends(topic, [number]))[number]
        return [record async for record in read_through(self.log, topic, number, 0, end)]

    async def is_open(self):
        """Whether every partition was claimed at least once."""
        return all((await self.ends("outcomes")).values())

    async def has_read_all(self, stage):
        """Whether a stage has committed everything of its input."""
        topic = self.topic("events" if stage == "live" else "outcomes")
        committed = await self.log.committed(group_of(self.settings.namespace, stage), topic, self.numbers)
        ends = await self.log.ends(topic, self.numbers)
        return all((committed[number] or 0) >= ends[number] for number in self.numbers)

    async def all_read(self):
        """Whether every stage is at the end of its input."""
        return all([await self.has_read_all(stage) for stage in ("live", "tags", "projection")])

    async def judge(self, outages=()):
        """The verdict over everything so far; nobody may have anything left to do."""
        return await Judge(self.log, self.settings, await self.segments()).judge(outages)

    async def until(self, condition, what, deadline_s=DEADLINE_S):
        """Wait for an async condition; the seconds it took."""
        begun_s = time.monotonic()
        while not await condition():
            for slot, worker in list(self.workers.items()):
                if worker.poll() is None:
                    continue
                assert self.supervised, f"{slot} ended with {worker.returncode} by itself\n{self.last_words()}"
                self.ended[slot] += 1
                self.start(slot)
            if time.monotonic() - begun_s > deadline_s:
                raise AssertionError(f"{what}: not within {deadline_s:.0f} s\n{self.last_words()}")
            await asyncio.sleep(0.05)
        return time.monotonic() - begun_s

    def last_words(self):
        told = sorted(self.directory.glob("*.out"))
        return "\n".join(f"--- {path.name}\n{path.read_text(errors='replace')[-3000:]}" for path in told)
