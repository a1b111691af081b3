import asyncio

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis.asyncio import Redis

from octyseg.stages.projection import ProjectionStage
from tests.projection.story import Story, digest_of, hand_over, new_log, projection_of

PROFILES = st.sampled_from(["ada", "bob", "eve"])
SEGMENTS = st.lists(st.sampled_from(["gold", "new", "lost"]), unique=True)
HAPPENINGS = st.lists(
    st.one_of(
        st.tuples(st.just("tag"), PROFILES, SEGMENTS),
        st.tuples(st.just("describe"), PROFILES, st.integers(0, 3)),
        st.tuples(st.just("forget"), PROFILES),
        st.tuples(st.just("claim")),
        st.tuples(st.just("zombie"), PROFILES, SEGMENTS),
        st.tuples(st.just("flush")),
        # Interventions: the stage reads on, starts again somewhere before, or Redis loses something.
        st.tuples(st.just("read on")),
        st.tuples(st.just("start again"), st.floats(0, 1)),
        st.tuples(st.just("flushall")),
    ),
    max_size=30,
)


async def tell(story, happening):
    match happening:
        case ("tag", profile_id, segments):
            await story.tag(profile_id, *segments)
        case ("describe", profile_id, number):
            await story.describe(profile_id, profile_data={"n": number})
        case ("forget", profile_id):
            await story.forget(profile_id)
        case ("claim",):
            await story.claim()
        case ("zombie", profile_id, segments):
            await story.zombie(profile_id, *segments)
        case ("flush",):
            await story.flush()


async def live_through(happenings, url):
    log = await new_log()
    story = Story(log)
    await story.claim()
    position = 0
    async with Redis.from_url(url, protocol=3) as redis:
        await redis.flushall()
        projection = projection_of(log, redis)
        stage = ProjectionStage(projection)
        for happening in [*happenings, ("read on",)]:
            if happening == ("flushall",):
                await redis.flushall()
            elif happening[0] in ("read on", "start again"):
                if happening[0] == "start again":
                    position = int(position * happening[1])
                    stage = ProjectionStage(projection)
                await hand_over(stage, log, start=position)
                await stage.tick()
                position = (await log.ends("octyseg.outcomes", [0]))[0]
            else:
                await tell(story, happening)
        assert await projection.reader.digest() == digest_of(story)
        assert (await projection.reader.counts()).profiles == len(story.truth)


@given(HAPPENINGS)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_redis_equals_the_fold_whatever_is_repeated_or_lost(valkey_url, happenings):
    assert asyncio.run(live_through(happenings, valkey_url)) is None
