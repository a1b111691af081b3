"""The time of the embedded log: the machine's clock, or nothing but what is appended."""

import pytest

from octyseg.errors import SettingsError, UsageError
from octyseg.log.embedded import wall_clock_ms
from octyseg.log.port import TopicSpec, read_through
from tests.log.promises import numbered

EVENTS = TopicSpec("events", 3, compacted=False, retention_ms=-1)


class Clock:
    now_ms = 1_000

    def __call__(self):
        return self.now_ms


@pytest.fixture
def clock():
    return Clock()


async def times(log, partition=0):
    end = (await log.ends("events", [partition]))[partition]
    return [record.timestamp async for record in read_through(log, "events", partition, 0, end)]


async def with_events(open_log, **options):
    log = await open_log(**options)
    await log.create_topics([EVENTS])
    return log


async def test_records_arrive_at_the_wall_clocks_time(open_embedded):
    log = await with_events(open_embedded)
    before = wall_clock_ms()
    appended = await log.append("events", 0, numbered(2))
    assert before <= appended.timestamp <= wall_clock_ms()
    assert await times(log) == [appended.timestamp] * 2
    assert appended.timestamp <= await log.now_ms() <= wall_clock_ms()


async def test_time_stands_still_while_the_wall_clock_is_behind(open_embedded, clock):
    log = await with_events(open_embedded, clock=clock)
    await log.append("events", 0, numbered(1))
    clock.now_ms = 400
    assert (await log.append("events", 1, numbered(1))).timestamp == 1_000
    assert await log.now_ms() == 1_000
    assert (await log.ends_as_of(["events"], [0]))[0] == 1_000


async def test_nothing_arrives_before_a_time_that_was_told(open_embedded, clock):
    log = await with_events(open_embedded, clock=clock)
    clock.now_ms = 5_000
    assert await log.ends_as_of(["events"], [0]) == (5_000, {("events", 0): 0})
    clock.now_ms = 2_000
    assert (await log.append("events", 0, numbered(1))).timestamp == 5_000


async def test_a_clock_that_is_behind_the_file_of_an_earlier_life_does_not_take_it_back(open_embedded, clock):
    log = await with_events(open_embedded, clock=clock)
    clock.now_ms = 9_000
    await log.append("events", 0, numbered(1))
    await log.close()
    clock.now_ms = 1_000
    again = await open_embedded(clock=clock)
    assert await again.now_ms() == 9_000
    assert (await again.append("events", 2, numbered(1))).timestamp == 9_000


async def test_given_times_are_refused_where_the_wall_clock_rules(open_embedded):
    log = await with_events(open_embedded)
    with pytest.raises(UsageError, match="open it with time 'events' to give times"):
        await log.append("events", 0, numbered(1), timestamps_ms=[5])
    assert await log.ends("events", [0]) == {0: 0}


async def test_an_empty_log_of_events_is_at_zero(open_embedded):
    log = await with_events(open_embedded, time="events")
    assert await log.now_ms() == 0
    assert await log.ends_as_of(["events"], [0]) == (0, {("events", 0): 0})


async def test_events_carry_the_log_forward_and_never_back(open_embedded):
    log = await with_events(open_embedded, time="events")
    appended = await log.append("events", 0, numbered(4), timestamps_ms=[100, 300, 200, 400])
    assert appended.timestamp == 400
    assert await times(log) == [100, 300, 300, 400]
    await log.append("events", 1, numbered(2), timestamps_ms=[250, 500])
    assert await times(log, 1) == [400, 500]
    assert await log.now_ms() == 500


async def test_what_is_appended_without_a_time_arrives_with_the_newest_event(open_embedded):
    log = await with_events(open_embedded, time="events")
    await log.append("events", 0, numbered(1), timestamps_ms=[700])
    assert (await log.append("events", 2, numbered(2))).timestamp == 700
    assert await times(log, 2) == [700, 700]


async def test_partitions_of_one_append_do_not_hold_each_others_times_back(open_embedded):
    log = await with_events(open_embedded, time="events")
    given = {0: [10, 900], 1: [20, 30], 2: [5, 40]}
    answers = await log.append_many("events", {number: numbered(2) for number in given}, given)
    assert [await times(log, number) for number in range(3)] == [[10, 900], [20, 30], [5, 40]]
    assert {number: done.timestamp for number, done in answers.items()} == {0: 900, 1: 30, 2: 40}
    assert await log.ends_as_of(["events"], [0, 1]) == (900, {("events", 0): 2, ("events", 1): 2})


async def test_another_process_sees_the_time_of_events(open_embedded):
    log = await with_events(open_embedded, time="events")
    other = await open_embedded(time="events")
    await log.append("events", 0, numbered(1), timestamps_ms=[800])
    assert await other.now_ms() == 800
    assert (await other.append("events", 1, numbered(1), timestamps_ms=[100])).timestamp == 800


@pytest.mark.parametrize(("made", "asked"), [("wall", "events"), ("events", "wall")])
async def test_a_file_keeps_the_time_mode_it_was_made_with(open_embedded, made, asked):
    await (await open_embedded(time=made)).close()
    with pytest.raises(SettingsError, match=f"was made with time '{made}', not '{asked}': open it with '{made}'"):
        await open_embedded(time=asked)
    await open_embedded(time=made)
