import asyncio
import contextlib

import pytest
import structlog
from redis.asyncio import Redis

from octyseg.errors import LogDamaged, SettingsError
from octyseg.log.port import NewRecord
from octyseg.projection import writer
from octyseg.stages.projection import ProjectionStage
from tests.projection.story import (
    NAMESPACE,
    START_MS,
    Clock,
    Story,
    digest_of,
    hand_on,
    hand_over,
    new_log,
    projection_of,
)


@pytest.fixture
async def log():
    return await new_log()


@pytest.fixture
def story(log):
    return Story(log)


@pytest.fixture
def projection(log, redis):
    return projection_of(log, redis)


@pytest.fixture
def written(monkeypatch):
    """Whose profiles were written to Redis, in turn."""
    ids = []
    arguments = writer._arguments

    def noted(update, identity_key):
        ids.append(update.profile_id)
        return arguments(update, identity_key)

    monkeypatch.setattr(writer, "_arguments", noted)
    return ids


async def agrees(projection, *stories):
    assert await projection.reader.digest() == digest_of(*stories)
    return True


async def test_a_profile_its_memberships_and_the_counts_follow_its_outcomes(projection, story):
    await story.tag("ada", "gold", "new")
    await story.tag("bob", "gold")
    await story.tag("ada", "gold")
    await hand_over(ProjectionStage(projection), story.log)
    ada = await projection.reader.profile("ada")
    assert [tag.segment_id for tag in ada.tags] == ["gold"]
    assert [tag.segment_tag for tag in ada.tags] == ["GOLD"]
    assert ada.sequence == 3
    gold = await projection.reader.members("gold")
    assert [member.profile_id for member in gold] == ["ada", "bob"]
    assert [member.since_ms for member in gold] == [START_MS + 1, START_MS + 2]
    assert await projection.reader.members("gold", 1, 1) == gold[1:]
    assert await projection.reader.counts() == (2, {"gold": 2})


async def test_attributes_change_although_the_sequence_stays(projection, story):
    await story.tag("ada", "gold")
    await story.describe("ada", customer_id="c-1", profile_data={"plan": "a", "n": 1.5}, has_charged=False)
    await story.describe("ada", customer_id="c-1", profile_data={"plan": "b"}, created_at_ms=5, status="active")
    stage = ProjectionStage(projection)
    await hand_over(stage, story.log)
    ada = await projection.reader.profile("ada")
    assert (ada.sequence, ada.customer_id, ada.profile_data) == (1, "c-1", {"plan": "b"})
    assert (ada.has_charged, ada.status, ada.created_at) == (False, "active", 5)
    await story.describe("ada", status="gone")
    await hand_on(stage, story.log, start=3)
    assert (await projection.reader.profile("ada")).status == "gone"


async def test_outcomes_that_show_nothing_new_are_not_written(projection, story, written):
    await story.tag("ada", "gold")
    await story.wait("ada")
    await story.wait("ada")
    await hand_over(ProjectionStage(projection), story.log)
    assert written == ["ada", "ada"], "by the look at what was missed, and by the chunk"
    assert await agrees(projection, story)
    await story.tag("ada")
    await story.wait("ada")
    await hand_over(ProjectionStage(projection), story.log, start=3)
    assert await agrees(projection, story)


async def test_what_was_brought_in_at_the_start_is_not_written_again(projection, story, written):
    await story.tag("ada", "gold")
    await story.tag("bob", "gold")
    stage = ProjectionStage(projection)
    await hand_over(stage, story.log)
    written.clear()
    await hand_on(stage, story.log)
    assert written == []
    assert await agrees(projection, story)


async def test_a_forgotten_profile_is_gone_and_an_older_repeat_does_not_bring_it_back(projection, story):
    await story.tag("ada", "gold")
    await story.forget("ada")
    stage = ProjectionStage(projection)
    await hand_over(stage, story.log)
    assert await projection.reader.profile("ada") is None
    assert await projection.reader.counts() == (0, {})
    await hand_over(stage, story.log)
    assert await projection.reader.profile("ada") is None


async def test_outcomes_of_an_owner_that_lost_its_partition_are_void(projection, story):
    await story.tag("ada", "gold")
    await story.claim()
    await story.zombie("ada", "wrong")
    await story.zombie("eve", "wrong")
    await hand_over(ProjectionStage(projection), story.log)
    assert await agrees(projection, story)


async def test_a_reader_that_starts_behind_the_claim_still_knows_whose_outcomes_count(projection, story):
    await story.tag("ada", "gold")
    stage = ProjectionStage(projection)
    await hand_over(stage, story.log)
    await story.claim()
    await story.tag("ada", "gold", "new")
    await hand_over(stage, story.log, start=1)
    await story.zombie("ada", "wrong")
    await hand_over(ProjectionStage(projection), story.log, start=3)
    assert await agrees(projection, story)


async def test_an_owner_that_comes_back_late_is_not_believed_by_a_stage_that_started_late(projection, story):
    await story.claim()
    await story.tag("ada", "gold")
    stage = ProjectionStage(projection)
    await stage.open(0, {NAMESPACE + "outcomes": 2})
    await stage.tick()
    await story.zombie("eve", "wrong")
    await hand_on(stage, story.log, start=2)
    assert await agrees(projection, story)


async def test_nothing_is_said_of_redis_while_it_serves(projection, story):
    stage = ProjectionStage(projection)
    with structlog.testing.capture_logs() as lines:
        await hand_over(stage, story.log)
        await stage.tick()
        await story.tag("ada", "gold")
        await hand_on(stage, story.log)
        await story.tag("bob", "gold")
        await hand_on(stage, story.log, start=1)
    assert lines == []


async def test_swept_segments_are_told_by_partition(projection, story):
    await story.swept("s-1", "s-2")
    await hand_over(ProjectionStage(projection), story.log)
    assert await projection.reader.swept("s-1") == {0}
    assert await projection.reader.swept("s-3") == set()


async def test_it_fills_an_empty_redis_without_waiting_for_an_outcome(projection, story):
    await story.tag("ada", "gold")
    await story.flush()
    await story.tag("bob", "gold")
    stage = ProjectionStage(projection)
    await stage.open(0, {NAMESPACE + "outcomes": 2})
    await stage.tick()
    assert await agrees(projection, story)


async def test_it_heals_a_flushed_redis_at_the_next_outcome(projection, story, redis):
    await story.tag("ada", "gold")
    stage = ProjectionStage(projection)
    await hand_over(stage, story.log)
    await redis.flushall()
    await story.tag("bob", "new")
    await hand_on(stage, story.log, start=1)
    assert await agrees(projection, story)


async def test_it_heals_a_flushed_redis_while_nothing_happens(projection, story, redis, monkeypatch):
    monkeypatch.setattr("octyseg.stages.projection.LOOK_EVERY_S", 0.0)
    await story.tag("ada", "gold")
    stage = ProjectionStage(projection)
    await hand_over(stage, story.log)
    await redis.flushall()
    await stage.tick()
    assert await agrees(projection, story)


async def test_it_goes_on_from_an_older_copy_of_redis(projection, story, redis):
    stage = ProjectionStage(projection)
    await story.tag("ada", "gold")
    await hand_over(stage, story.log)
    keys = await redis.keys("*")
    older = {key: await redis.dump(key) for key in keys}
    await story.tag("ada")
    await story.tag("bob", "gold")
    await hand_on(stage, story.log, start=1)
    await redis.flushall()
    for key, value in older.items():
        await redis.restore(key, 0, value)
    await story.tag("eve", "new")
    await hand_on(stage, story.log, start=3)
    assert await agrees(projection, story)


async def test_what_is_left_of_another_log_is_replaced(projection, story, redis):
    for number in range(5):
        await story.tag(f"old-{number}", "gold")
        await story.tag("ada", *["gold", "new"][: 1 + number % 2])
    await hand_over(ProjectionStage(projection), story.log)
    log = await new_log(clock=Clock(START_MS + 1_000_000))
    fresh = Story(log)
    for number in range(12):
        await fresh.tag("ada", *["silver", "new"][: 1 + number % 2])
    replaced = projection_of(log, redis)
    await hand_over(ProjectionStage(replaced), log)
    assert await agrees(replaced, fresh)


async def test_a_shorter_log_of_the_same_name_replaces_it_too(projection, story, redis):
    await story.tag("ada", "gold")
    await story.tag("bob", "gold")
    await hand_over(ProjectionStage(projection), story.log)
    log = await new_log(clock=Clock(START_MS + 1_000_000))
    fresh = Story(log)
    await fresh.tag("ada", "silver")
    replaced = projection_of(log, redis)
    await hand_over(ProjectionStage(replaced), log)
    assert await agrees(replaced, fresh)


async def test_an_unreadable_outcome_stops_it_before_anything_is_written(projection, story):
    await story.tag("ada", "gold")
    stage = ProjectionStage(projection)
    await story.log.append(NAMESPACE + "outcomes", 0, [NewRecord(b"bob", b"\xc1 not msgpack")])
    with pytest.raises(LogDamaged, match="outcome at offset 1 cannot be read"):
        await hand_over(stage, story.log)


async def test_a_server_that_may_forget_is_refused(projection, story, redis):
    await story.tag("ada", "gold")
    await redis.config_set("maxmemory-policy", "allkeys-lru")
    try:
        with pytest.raises(SettingsError, match="redis has maxmemory-policy allkeys-lru"):
            await hand_over(ProjectionStage(projection), story.log)
    finally:
        await redis.config_set("maxmemory-policy", "noeviction")


async def test_it_waits_while_redis_is_away_and_says_so_once(story, redis, valkey_url, tmp_path):
    await story.tag("ada", "gold")
    socket = tmp_path / "redis.sock"
    absent = Redis.from_url(f"unix://{socket}", retry=None, protocol=3)
    stage = ProjectionStage(projection_of(story.log, absent), wait_max_s=0.01)
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(hand_over(stage, story.log))
        await until(lambda: task.done() or any("waiting" in line["event"] for line in lines))
        socket.symlink_to(valkey_url.removeprefix("unix://"))
        await task
    said = [line["event"] for line in lines if line.get("what") == "projection"]
    assert said == ["redis unavailable, waiting", "redis available again"]
    assert await agrees(projection_of(story.log, redis), story)
    await absent.aclose()


async def test_it_waits_while_redis_is_out_of_memory(projection, story, redis):
    stage = ProjectionStage(projection, wait_max_s=0.01)
    await story.tag("ada", "gold")
    await hand_over(stage, story.log)
    await story.tag("bob", "gold")
    await redis.config_set("maxmemory", "1")
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(hand_over(stage, story.log, start=1))
        await until(lambda: task.done() or any("memory" in line.get("error", "") for line in lines))
        assert not task.done()
        await redis.config_set("maxmemory", "0")
        await task
    assert await agrees(projection, story)


async def test_a_host_that_ends_while_redis_is_away_can_take_its_call_back(story, tmp_path):
    await story.tag("ada", "gold")
    absent = Redis.from_url(f"unix://{tmp_path / 'none.sock'}", retry=None, protocol=3)
    stage = ProjectionStage(projection_of(story.log, absent), wait_max_s=0.01)
    with structlog.testing.capture_logs() as lines:
        task = asyncio.create_task(hand_over(stage, story.log))
        await until(lambda: bool(lines))
        await stage.tick()
        assert [line["event"] for line in lines if "available" in line["event"]] == ["redis unavailable, waiting"]
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
    assert task.cancelled()
    await stage.close(0)
    await absent.aclose()


async def until(condition):
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - what is waited for is a log line or another process
            await asyncio.sleep(0.005)
