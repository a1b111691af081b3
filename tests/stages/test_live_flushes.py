"""Owners of a partition that follow each other, and what each leaves on `state` for the next."""

import json

import pytest

from octyseg.engine.catalog import Catalog
from octyseg.log.port import NewRecord
from octyseg.model.segment import Segment, Step
from octyseg.stages.live import LiveStage
from octyseg.stages.live_config import LiveConfig
from octyseg.stages.restore import read_states
from tests.projection.story import NAMESPACE, START_MS, new_log, read_all

LEFT = Segment(
    "seg_left",
    "Left",
    1,
    "live",
    2,
    steps=(Step("checkout", within_ms=3_600_000), Step("order", inaction=True)),
)


class FixedCatalog:
    """Definitions that never change."""

    catalog = Catalog([LEFT])

    async def start(self):
        pass

    async def poll(self):
        return False

    catch_up = poll

    async def close(self):
        pass


@pytest.fixture
async def log():
    return await new_log()


async def happen(log, profile_id, *event_types):
    for number, event_type in enumerate(event_types):
        event = {"profile_id": profile_id, "event_type": event_type, "event_properties": {}, "created_at": START_MS}
        event["event_id"] = f"{profile_id}-{event_type}-{number}"
        await log.append(NAMESPACE + "events", 0, [NewRecord(profile_id.encode(), json.dumps(event).encode())])


async def own(log, position, **config):
    """A process that opens the partition where the last one committed; nobody closes it, as after a kill."""
    live = LiveStage(log, NAMESPACE.__add__, FixedCatalog(), LiveConfig(**config))
    await live.start()
    await live.open(0, {NAMESPACE + "events": position})
    return live


async def work(log, position, **config):
    live = await own(log, position, **config)
    for chunk in await read_all(log, "events", 0, position):
        await live.handle(chunk)
    return live


async def flushed(log):
    """The profiles on `state` and what they are said to cover."""
    restored = await read_states(log, NAMESPACE + "state", 0)
    return set(restored.profiles), restored.outcomes_offset


async def flush(live):
    await live.tick()
    await live._open[0].flushing


async def test_a_flush_covers_what_the_owner_before_left_on_outcomes_alone(log):
    await happen(log, "ada", "checkout")
    await work(log, 0, flush_every_s=3600)
    assert await flushed(log) == (set(), 0)
    await happen(log, "bob", "checkout")
    second = await work(log, 1, flush_every_s=0)
    await flush(second)
    profiles, covered = await flushed(log)
    assert covered > 0
    assert profiles == {"ada", "bob"}


async def test_an_instance_that_an_order_closed_stays_closed_over_three_owners(log):
    await happen(log, "ada", "checkout")
    await flush(await work(log, 0, flush_every_s=0))
    await happen(log, "ada", "order")
    await work(log, 1, flush_every_s=3600)
    await happen(log, "bob", "checkout")
    await flush(await work(log, 2, flush_every_s=0))
    third = await own(log, 3)
    assert third._open[0].engine.state_of("ada").instances == []
