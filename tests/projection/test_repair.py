import pytest

from octyseg.projection import writer
from octyseg.projection.content import Digest
from octyseg.projection.writer import Repair
from octyseg.stages import repair
from octyseg.stages.comparison import compare
from octyseg.stages.projection import ProjectionStage
from octyseg.stages.repair import expel_strays, rebuild, settle
from tests.projection.story import Story, digest_of, hand_over, new_log, projection_of


@pytest.fixture
async def story():
    return Story(await new_log())


@pytest.fixture
def projection(story, redis):
    return projection_of(story.log, redis)


async def differences(projection):
    return (await compare(projection, 0, Digest())).differing


@pytest.fixture
async def settled(projection, story):
    """Three profiles, two of them flushed, all in Redis."""
    await story.claim()
    await story.tag("ada", "gold", "new")
    await story.tag("bob", "gold")
    await story.flush()
    await story.tag("eve", "new")
    await settle(projection, 0)
    return projection


async def test_a_projection_that_is_right_has_no_differences_and_the_same_digest(settled, story):
    digest = Digest()
    comparison = await compare(settled, 0, digest)
    assert (comparison.profiles, comparison.behind, comparison.differing) == (3, 0, [])
    assert digest.hexadecimal() == await settled.reader.digest() == digest_of(story)


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda redis: redis.hset("octyseg:profile:ada", "status", "lost"), id="an attribute changed"),
        pytest.param(lambda redis: redis.hdel("octyseg:profile:ada", "tags"), id="a field is gone"),
        pytest.param(lambda redis: redis.delete("octyseg:profile:ada"), id="a profile is gone"),
        pytest.param(lambda redis: redis.zrem("octyseg:members:gold", "ada"), id="a membership is gone"),
        pytest.param(lambda redis: redis.zadd("octyseg:members:gold", {"ada": 1}), id="a membership is older"),
    ],
)
async def test_damage_is_named_by_profile_and_healed_by_a_rebuild(settled, story, redis, damage):
    await damage(redis)
    assert await differences(settled) == ["ada"]
    await rebuild(settled, 0, Repair.REBUILD, "asked for")
    assert await differences(settled) == []
    assert await settled.reader.digest() == digest_of(story)


async def test_a_profile_that_the_log_does_not_know_is_named_and_removed(settled, story, redis):
    await redis.hset("octyseg:profile:mallory", mapping={"version": "1", "tags": "[]"})
    await redis.zadd("octyseg:profiles:0", {"mallory": 0})
    await redis.zadd("octyseg:members:gold", {"mallory": 1})
    assert await differences(settled) == ["mallory"]
    await rebuild(settled, 0, Repair.REBUILD, "asked for")
    await expel_strays(settled)
    assert await settled.reader.digest() == digest_of(story)


async def test_a_member_without_a_profile_changes_the_digest_and_is_expelled(settled, story, redis):
    await redis.zadd("octyseg:members:gold", {"mallory": 1})
    await redis.zadd("octyseg:members:silver", {"ada": 1})
    await redis.sadd("octyseg:segments", "silver")
    assert await settled.reader.digest() != digest_of(story)
    assert await expel_strays(settled) == 2
    assert await settled.reader.digest() == digest_of(story)
    assert await settled.reader.counts() == (3, {"gold": 2, "new": 2})


async def test_nothing_that_is_right_disappears_while_it_is_made_again(settled, redis, monkeypatch):
    seen = []
    put = settled.writer.put

    async def watched(*arguments):
        await put(*arguments)
        seen.append((await settled.reader.counts()).members)

    monkeypatch.setattr(settled.writer, "put", watched)
    await rebuild(settled, 0, Repair.REBUILD, "asked for")
    assert seen
    assert all(members == {"gold": 2, "new": 2} for members in seen)


@pytest.mark.parametrize("is_asked_for", [True, False])
@pytest.mark.parametrize("is_empty", [True, False])
async def test_content_that_is_lost_during_a_repair_is_put_again(settled, story, monkeypatch, is_asked_for, is_empty):
    """The server is emptied when something was put already: nothing may say then that all of it is in."""
    await story.tag("max", "gold")
    redis, put, losses = settled.writer._redis, settled.writer.put, [1, 1]
    if is_empty:
        await redis.flushall()

    async def then_lost(*arguments):
        await put(*arguments)
        if losses:
            losses.pop()
            await redis.flushall()

    monkeypatch.setattr(settled.writer, "put", then_lost)
    await (rebuild(settled, 0, Repair.REBUILD, "asked for") if is_asked_for else settle(settled, 0))
    assert losses == []
    assert await differences(settled) == []
    assert await settled.reader.digest() == digest_of(story)


@pytest.mark.parametrize("looks_before", [1, 2])
async def test_a_server_that_comes_back_during_a_repair_is_given_all_again(settled, story, monkeypatch, looks_before):
    """Its snapshot has the repair's key, and not what was put after it."""
    redis, put = settled.writer._redis, settled.writer.put
    lives = ["first"] * looks_before + ["second"] * 4
    begun_with = len(lives) - 1
    await redis.flushall()

    async def life(_redis):
        return lives.pop(0)

    async def then_lost(*arguments):
        await put(*arguments)
        if len(lives) == begun_with:
            await redis.delete("octyseg:profile:ada")

    monkeypatch.setattr(writer, "life_of", life)
    monkeypatch.setattr(settled.writer, "put", then_lost)
    await settle(settled, 0)
    assert await differences(settled) == []
    assert await settled.reader.digest() == digest_of(story)


async def test_a_stage_that_writes_during_a_rebuild_is_not_set_back(settled, story, monkeypatch):
    """The stage gives ada a tag, forgets bob and greets a newcomer after the states were read back."""
    stage = ProjectionStage(settled)
    await hand_over(stage, story.log)
    fold = repair.fold

    async def then_the_stage_goes_on(*arguments):
        folded = await fold(*arguments)
        end = (await story.log.ends("octyseg.outcomes", [0]))[0]
        await story.tag("ada", "silver")
        await story.forget("bob")
        await story.tag("max", "new")
        await hand_over(stage, story.log, start=end)
        return folded

    monkeypatch.setattr(repair, "fold", then_the_stage_goes_on)
    await rebuild(settled, 0, Repair.REBUILD, "asked for")
    assert await settled.reader.digest() == digest_of(story)


async def test_outcomes_redis_was_not_given_yet_are_behind_and_no_difference(settled, story):
    await story.tag("ada", "silver")
    await story.tag("max", "new")
    comparison = await compare(settled, 0, Digest())
    assert (comparison.behind, comparison.differing) == (2, [])


async def test_states_flushed_by_a_paused_owner_do_not_win(projection, story):
    await story.claim()
    await story.tag("ada", "gold")
    stale = dict(story.truth)
    await story.claim()
    await story.tag("ada", "gold", "new")
    await story.flush()
    now, epoch = story.truth, story.epoch
    story.truth, story.epoch = stale, epoch - 1
    await story.flush()
    story.truth, story.epoch = now, epoch
    await settle(projection, 0)
    assert await projection.reader.digest() == digest_of(story)


async def test_a_forgotten_profile_of_the_state_topic_stays_forgotten(projection, story):
    await story.tag("ada", "gold")
    await story.flush()
    await story.forget("ada")
    await story.flush()
    await settle(projection, 0)
    assert await projection.reader.counts() == (0, {})


async def test_outcomes_that_retention_took_are_counted_and_what_was_flushed_is_there(projection, story):
    await story.tag("ada", "gold")
    await story.flush()
    clock = story.log._clock
    clock.now_ms += 8 * 24 * 3_600_000
    await story.tag("bob", "gold")
    assert story.log.retain() > 0
    await settle(projection, 0)
    assert await projection.reader.digest() == digest_of(story)
