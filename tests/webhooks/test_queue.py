"""The schedule's marker says that deliveries are there: never when Redis lost them on the way."""

import pytest

from octyseg.webhooks import queue
from octyseg.webhooks.delivery import Delivery
from octyseg.webhooks.queue import Marker, Queue

REACHED = Marker(7, 3)


def deliveries(*offsets):
    return [Delivery(f"chg_{offset}", "shop", "ada", offset, b"{}") for offset in offsets]


@pytest.fixture
async def schedule(redis):
    made = Queue(redis, "octyseg:")
    await made.make_again(0, deliveries(1), Marker(2, 0))
    return made


@pytest.fixture
def losing(schedule, redis, monkeypatch):
    """Redis is emptied so many times right after it was given deliveries."""
    losses = []
    put = schedule._put_all

    async def then_lost(*arguments):
        answers = await put(*arguments)
        if losses:
            losses.pop()
            await redis.flushall()
        return answers

    monkeypatch.setattr(schedule, "_put_all", then_lost)
    return losses


async def first_offsets(schedule):
    found, _ = await schedule.first(0, "shop", -1, 100)
    return [one.offset for one in found]


async def test_what_is_put_is_there_and_the_marker_says_so(schedule):
    assert await schedule.put(0, deliveries(2, 3), 2, REACHED)
    assert await schedule.marker(0) == REACHED
    assert await schedule.put(0, [], 7, Marker(9, 0))
    assert await schedule.marker(0) == (9, 3)
    assert await first_offsets(schedule) == [1, 2, 3]


@pytest.mark.parametrize("more", [(2, 3), ()])
async def test_a_marker_that_stands_lower_than_it_was_left_is_told(schedule, more):
    assert not await schedule.put(0, deliveries(*more), 3, REACHED)
    assert await schedule.marker(0) == (2, 0)
    assert await first_offsets(schedule) == [1]


async def test_deliveries_that_are_lost_before_the_marker_moves_are_told(schedule, losing):
    losing.append(1)
    assert not await schedule.put(0, deliveries(2), 2, REACHED)
    assert await schedule.marker(0) is None


async def test_a_schedule_that_is_lost_while_it_is_made_is_made_again(schedule, losing):
    losing.extend([1, 1])
    await schedule.make_again(0, deliveries(4, 5), REACHED)
    assert losing == []
    assert await schedule.marker(0) == REACHED
    assert await first_offsets(schedule) == [4, 5]


@pytest.mark.parametrize("looks_before", [1, 2])
async def test_a_server_that_comes_back_while_it_is_made_is_given_all_again(schedule, redis, monkeypatch, looks_before):
    lives = ["first"] * looks_before + ["second"] * 4
    begun_with = len(lives) - 1
    put = schedule._put_all

    async def life(_redis):
        return lives.pop(0)

    async def then_lost(*arguments):
        answers = await put(*arguments)
        if len(lives) == begun_with:
            await redis.delete("octyseg:webhooks:deliveries:0")
        return answers

    monkeypatch.setattr(queue, "life_of", life)
    monkeypatch.setattr(schedule, "_put_all", then_lost)
    await schedule.make_again(0, deliveries(4, 5), REACHED)
    assert await schedule.marker(0) == REACHED
    assert await first_offsets(schedule) == [4, 5]


async def test_a_schedule_that_is_made_again_while_it_is_given_deliveries_is_given_them_again(schedule, monkeypatch):
    """By a process that stood still and knows nothing of them: what was only seen is not there."""
    put = schedule._put_all

    async def then_made_again(*arguments):
        answers = await put(*arguments)
        monkeypatch.undo()
        await schedule.make_again(0, deliveries(1), Marker(2, 0))
        return answers

    monkeypatch.setattr(schedule, "_put_all", then_made_again)
    assert not await schedule.put(0, deliveries(2, 3), 2, REACHED)
    assert await first_offsets(schedule) == [1]
    assert await schedule.put(0, deliveries(2, 3), 2, REACHED)
    assert await first_offsets(schedule) == [1, 2, 3]
    assert await schedule.marker(0) == REACHED


async def test_what_was_put_a_while_ago_is_not_put_again(schedule):
    assert await schedule.put(0, deliveries(2), 2, Marker(3, 1))
    await schedule.settle(0, [(deliveries(2)[0], None)], {}, 2)
    assert await schedule.put(0, deliveries(2, 3), 3, Marker(5, 3))
    assert await first_offsets(schedule) == [1, 3]


async def test_who_is_late_does_not_take_the_marker_back(schedule):
    """What the next owner has put since would be taken for lost, and made again without what was only seen."""
    assert await schedule.put(0, deliveries(2, 3), 2, REACHED)
    assert await schedule.put(0, deliveries(2), 2, Marker(3, 5))
    assert await schedule.marker(0) == (7, 5)
    assert await schedule.put(0, [], 2, Marker(3, 0))
    assert await schedule.marker(0) == (7, 5)
