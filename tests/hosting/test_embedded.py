"""Every stage in one process on the embedded log: what comes out is what a replay says."""

import asyncio
from collections import Counter

import pytest

from octyseg.engine.catalog import Catalog
from octyseg.engine.rules import Rules
from octyseg.errors import UsageError
from octyseg.hosting import assembly, opening
from octyseg.hosting.embedded import owning, run_embedded
from octyseg.hosting.replay import replay
from octyseg.log.port import NewRecord, read_through
from octyseg.model.change import from_json
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import load_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.ids import new_segment_id
from octyseg.model.placement import partition_of
from octyseg.projection.connection import open_redis
from octyseg.settings import Settings
from octyseg.traffic.patterns import simulate

EXAMPLE = "examples/segments.yaml"
T0 = 1_780_000_000_000
DEADLINE_S = 60


@pytest.fixture
def settings(tmp_path):
    return Settings(log=f"embedded://{tmp_path}/log.db", flush_every_s=0.2)


async def until(condition, task):
    """Wait until the condition holds, or the task under test fails."""
    async with asyncio.timeout(DEADLINE_S):
        while not await condition():
            if task.done():
                task.result()
            await asyncio.sleep(0.02)


async def apply_example(settings, log):
    planned = plan(Registry.fold([]), load_definitions(EXAMPLE), now_ms=T0, new_id=new_segment_id)
    records = [NewRecord(key, value) for key, value in planned.records()]
    await log.append(settings.topic("definitions"), 0, records)
    return Registry.fold(planned.records())


async def send(settings, log, events):
    for start in range(0, len(events), 500):
        records, times = {}, {}
        for event in events[start : start + 500]:
            partition = partition_of(event.profile_id, settings.partitions)
            records.setdefault(partition, []).append(NewRecord(event.profile_id.encode(), event.line))
            times.setdefault(partition, []).append(event.at_ms)
        await log.append_many(settings.topic("events"), records, times)


async def tags_of(settings, log):
    changes = []
    for partition in range(settings.partitions):
        topic = settings.topic("tags")
        end = (await log.ends(topic, [partition]))[partition]
        changes += [from_json(record.value) async for record in read_through(log, topic, partition, 0, end)]
    return changes


def said(changes):
    return Counter((one.profile_id, one.segment_tag, one.kind, one.reason, tuple(one.cause)) for one in changes)


@pytest.mark.slow
async def test_live_on_the_embedded_log_equals_a_replay_also_over_a_restart(settings):
    events = list(simulate(300, 6_000, 20.0, 7, T0))
    async with opening.open_log(settings, time="events") as log, open_redis(settings) as redis:
        registry = await apply_example(settings, log)
        rules = Rules(settings.grace_ms, forgets=False)
        lines = [event.line for event in events]
        expected = list(
            replay(lines, Catalog(registry.engine_segments()), rules, drain=False, on_refusal=lambda *_: None)
        )
        assert len(expected) > 100

        half = len(events) // 2
        for part in (events[:half], events[half:]):
            stop = asyncio.Event()
            running = asyncio.create_task(run_embedded(settings, assembly.WORKERS["all"], stop))
            await send(settings, log, part)
            ends = sum((await log.ends(settings.topic("events"), range(settings.partitions))).values())

            async def handled(ends=ends):
                committed = await log.committed("octyseg.live", settings.topic("events"), range(settings.partitions))
                return sum(offset or 0 for offset in committed.values()) == ends

            await until(handled, running)
            stop.set()
            await running

        stop = asyncio.Event()
        running = asyncio.create_task(run_embedded(settings, assembly.WORKERS["all"], stop))

        async def all_told():
            return said(await tags_of(settings, log)) == said(expected)

        await until(all_told, running)
        reader = opening.projection_of(settings, log, redis).reader
        last = {(one.profile_id, one.segment_id): one.kind for one in expected}
        members = Counter(segment_id for (_, segment_id), kind in last.items() if kind != "removed")

        async def all_projected():
            return +Counter((await reader.counts()).members) == members

        await until(all_projected, running)
        stop.set()
        await running


async def test_a_log_has_one_owner_of_a_stage(settings):
    with owning(settings.embedded_file, ("live", "tags")):
        with (
            pytest.raises(UsageError, match=r"the tags stage of .* runs in another process"),
            owning(settings.embedded_file, ("tags",)),
        ):
            pass
        with owning(settings.embedded_file, ("projection",)):
            pass


async def test_the_first_error_of_a_stage_ends_them_all(settings):
    stop = asyncio.Event()
    async with opening.open_log(settings) as log:
        await log.append(settings.topic("outcomes"), 0, [NewRecord(b"ada", b"this is no outcome")])
    with pytest.raises(Exception, match=r"MessagePack|msgpack|Expected"):
        await run_embedded(settings, ("live", "tags"), stop)
