import pytest

from octyseg.engine.state import ProfileState, Tag
from octyseg.projection.content import content_of, version_of
from octyseg.projection.reader import Reader
from octyseg.projection.writer import Marker, Repair, Update, Writer

PREFIX = "octyseg:"


@pytest.fixture
async def writer(redis):
    writer = Writer(redis, PREFIX)
    assert await writer.finish(0, await writer.begin(0), Repair.REBUILD, Marker(10, 1))
    return writer


@pytest.fixture
def reader(redis):
    return Reader(redis, PREFIX, 1)


def update(offset, sequence, *segments, profile_id="ada"):
    tags = [Tag(s, s, "live", 1, 1_000 + sequence, "a", 1, 1, 1) for s in segments]
    state = ProfileState(sequence=sequence, tags=tags)
    return Update(offset, profile_id, version_of(sequence, offset, -1), content_of(state))


def gone(offset, sequence, profile_id="ada"):
    return Update(offset, profile_id, version_of(sequence, offset, -1), None)


async def segments(reader):
    profile = await reader.profile("ada")
    return None if profile is None else [tag.segment_id for tag in profile.tags]


async def test_an_outcome_below_the_marker_is_in_already(writer, reader):
    await writer.apply(0, [update(10, 1, "gold"), gone(11, 2)], 10, Marker(12, 1))
    written = await writer.apply(0, [update(10, 1, "gold")], 10, Marker(11, 1))
    assert written == (0, 1, False)
    assert await segments(reader) is None


async def test_the_marker_never_goes_back(writer):
    await writer.apply(0, [], 10, Marker(12, 7))
    await writer.apply(0, [], 10, Marker(11, 5))
    assert await writer.marker(0) == (12, 7)


@pytest.mark.parametrize(("repair", "reached"), [(Repair.REBUILD, (12, 7)), (Repair.REPLACE, (8, 3))])
async def test_a_repair_takes_the_marker_back_only_from_another_log(writer, repair, reached):
    await writer.apply(0, [], 10, Marker(12, 7))
    assert await writer.finish(0, await writer.begin(0), repair, Marker(8, 3))
    assert await writer.marker(0) == reached


async def test_a_repair_ends_once_and_hinders_no_other(writer, redis):
    first, second = await writer.begin(0), await writer.begin(0)
    assert await writer.finish(0, second, Repair.REBUILD, Marker(12, 1))
    assert await writer.finish(0, first, Repair.REBUILD, Marker(11, 1))
    assert not await writer.finish(0, first, Repair.REBUILD, Marker(13, 1))
    assert await writer.marker(0) == (12, 1)
    assert await redis.keys("*repair*") == []


@pytest.mark.parametrize("floor", [11, 12])
async def test_a_writer_finds_out_that_less_is_there_than_it_left(writer, reader, floor):
    written = await writer.apply(0, [update(12, 1, "gold")], floor, Marker(13, 1))
    assert written.lost
    assert await segments(reader) is None
    assert await writer.marker(0) == (10, 1)


async def test_an_older_state_read_back_does_not_replace_a_newer_one(writer, reader):
    await writer.apply(0, [update(10, 2, "gold", "new")], 10, Marker(11, 1))
    await writer.put(0, [update(0, 1, "gold")], Repair.REBUILD)
    assert await segments(reader) == ["gold", "new"]
    await writer.put(0, [update(0, 1, "gold")], Repair.REPLACE)
    assert await segments(reader) == ["gold"]


async def test_only_attributes_changed_is_newer_too():
    assert version_of(5, 10, -1) < version_of(5, 11, -1) < version_of(5, 11, 0) < version_of(6, 0, -1)
    assert version_of(9, 0, 0) < version_of(10, 0, 0)


async def test_a_profile_written_since_it_was_looked_at_is_not_removed(writer, reader):
    old = update(10, 1, "gold")
    await writer.apply(0, [old], 10, Marker(11, 1))
    await writer.apply(0, [update(11, 2, "gold", "new")], 11, Marker(12, 1))
    await writer.remove(0, [("ada", old.version)])
    assert await segments(reader) == ["gold", "new"]
    await writer.remove(0, [("ada", version_of(2, 11, -1))])
    assert await segments(reader) is None
    assert await reader.counts() == (0, {})


async def test_a_membership_that_the_profile_has_is_not_expelled(writer, reader, redis):
    await writer.apply(0, [update(10, 1, "gold")], 10, Marker(11, 1))
    await redis.zadd("octyseg:members:new", {"ada": 1})
    await writer.expel([("gold", "ada"), ("new", "ada")])
    assert await reader.members("new") == []
    assert [member.profile_id for member in await reader.members("gold")] == ["ada"]


async def test_more_than_a_batch_is_written_in_one_call(writer, reader):
    updates = [update(10 + n, 1, "gold", profile_id=f"p-{n}") for n in range(1_234)]
    written = await writer.apply(0, updates, 10, Marker(2_000, 1))
    assert written == (1_234, 0, False)
    assert await reader.counts() == (1_234, {"gold": 1_234})
