import asyncio
import json

import pytest

from octyseg import metrics
from octyseg.errors import LogUnavailable, ProjectionUnavailable
from octyseg.log.memory_faults import Faults
from octyseg.log.port import NewRecord
from octyseg.stages.webhooks_repair import rebuild, settle
from octyseg.webhooks.queue import Marker, Queue
from tests.webhooks import receivers
from tests.webhooks.desk import TOPICS, change
from tests.webhooks.receivers import Receiver, status


class Killed(BaseException):
    """The process dies here."""


def told(receiver):
    return [json.loads(request.body)["data"] for request in receiver.requests]


async def test_an_owner_before_that_is_still_at_work_does_not_make_the_log_another_one(desk):
    """Made again below the position it would lose what lies behind: that was seen, and is not put a second time."""
    await desk.queue.make_again(0, [], Marker(0, 0))
    ends = desk.log.ends

    async def ends_and_then_the_other_goes_on(topic, partitions):
        found = await ends(topic, partitions)
        if topic == TOPICS.tags:
            await desk.log.append(topic, 0, [NewRecord(b"ada", b"{}")])
            assert await desk.queue.put(0, [], 0, Marker(found[0] + 1, 0))
        return found

    desk.log.ends = ends_and_then_the_other_goes_on
    before = metrics.WEBHOOK_REBUILDS.labels("other log")._value.get()
    await settle(desk.log, TOPICS, desk.queue, 0, 0)
    assert metrics.WEBHOOK_REBUILDS.labels("other log")._value.get() == before
    assert (await desk.queue.marker(0)).tags == 1


async def test_what_was_under_way_at_a_crash_is_sent_again_under_the_same_id_and_in_order(desk):
    desk.total_timeout_s = 30
    async with Receiver(receivers.hang) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(*(change(f"p-{number % 3}", number) for number in range(12)))
        await desk.until(lambda: len(receiver.requests) == 3, "a post for each profile")
        await desk.crash()
        assert await desk.records("retrying") == []
        receiver._answer = status(200)
        await desk.begin()
        await desk.recorded("succeeded", 12)
    first_seen = list(dict.fromkeys((data["profile_id"], data["sequence"]) for data in told(receiver)))
    for profile in ("p-0", "p-1", "p-2"):
        assert [sequence for of, sequence in first_seen if of == profile] == sorted(
            sequence for of, sequence in first_seen if of == profile
        )
    repeated = [request.headers["webhook-id"] for request in receiver.requests]
    assert len(repeated) == 15
    assert len(set(repeated)) == 12


@pytest.mark.parametrize("point", ["webhooks.scheduled", "webhooks.put"])
async def test_a_crash_while_a_chunk_is_taken_loses_nothing_and_sends_it_once(desk, point):
    def die(here):
        if here == point:
            raise Killed

    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        desk.options = {"passing": die}
        await desk.begin()
        with pytest.raises(Killed):
            await desk.publish(change("a", 1), change("b", 1))
        await desk.crash()
        desk.options = {}
        await desk.begin()
        await desk.hand_over()
        await desk.recorded("succeeded", 2)
        await desk.publish(change("c", 1))
        await desk.recorded("succeeded", 3)
    assert sorted(data["profile_id"] for data in told(receiver)) == ["a", "b", "c"]


@pytest.mark.parametrize(("point", "posts"), [("webhooks.recorded", 1), ("webhooks.settled", 1)])
async def test_a_result_that_is_on_the_log_is_not_asked_for_again(desk, point, posts):
    def die(here):
        if here == point:
            raise RuntimeError(here)

    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        desk.options = {"passing": die}
        await desk.begin()
        await desk.publish(change("a", 1))
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await desk.until(lambda: False, "its end")
        await desk.crash()
        desk.options = {}
        await desk.begin()
        await desk.publish(change("b", 1))
        await desk.recorded("succeeded", 2)
    assert [data["profile_id"] for data in told(receiver)] == ["a", "b"]
    assert await desk.redis.keys("octyseg:webhooks:deliveries:*") == []


async def test_a_result_that_the_log_refused_is_asked_for_again(desk):
    class Refusing(Faults):
        def before(self, call, topic):
            if call == "append" and topic == TOPICS.deliveries and receiver.requests:
                raise LogUnavailable(topic)

    async with Receiver(status(200)) as receiver:
        desk.log.faults = Refusing()
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await desk.until(lambda: False, "its end")
        await desk.crash()
        desk.log.faults = None
        await desk.begin()
        await desk.recorded("succeeded", 1)
    assert [data["profile_id"] for data in told(receiver)] == ["a", "a"]


async def test_a_failed_attempt_on_the_log_counts_although_redis_did_not_hear_of_it(desk):
    def die(here):
        if here == "webhooks.recorded":
            raise RuntimeError(here)

    async with Receiver(status(500)) as receiver:
        await desk.account(receiver.url)
        desk.options = {"passing": die}
        await desk.begin()
        await desk.publish(change("a", 1))
        with pytest.raises(ExceptionGroup, match="unhandled errors"):
            await desk.until(lambda: False, "its end")
        await desk.crash()
        desk.options = {}
        await desk.begin()
        await desk.publish(change("b", 1))
        await desk.recorded("retrying", 2)
        assert [data["profile_id"] for data in told(receiver)] == ["a", "b"]
        desk.now_ms += 6_001
        await desk.recorded("retrying", 4)
    assert {record.attempt for record in await desk.records("retrying")} == {1, 2}


@pytest.mark.parametrize("running", [True, False])
async def test_an_emptied_redis_forgets_nothing_that_is_due(desk, redis, running, monkeypatch):
    monkeypatch.setattr("octyseg.stages.webhooks.LOOK_EVERY_S", 0.0)
    async with Receiver(status(500)) as failing, Receiver(status(200)) as well:
        await desk.endpoint("failing", failing.url)
        await desk.endpoint("well", well.url)
        await desk.begin()
        await desk.publish(*(change(f"p-{number}", 1) for number in range(5)))
        await desk.recorded("retrying", 5)
        await desk.recorded("succeeded", 5)
        due = {one.id: one.next_attempt_at for one in await desk.records("retrying")}
        if not running:
            await desk.end()
        await redis.flushall()
        if not running:
            await desk.begin()
        await desk.publish(change("p-9", 1))
        await desk.recorded("retrying", 6)
        await desk.recorded("succeeded", 6)
        marker = await desk.queue.marker(0)
        assert marker.tags == 6
        failing._answer = status(200)
        desk.now_ms += 6_001
        again = await desk.recorded("succeeded", 6, "failing")
    assert due.keys() <= {one.id for one in again}
    assert {one.attempt for one in again} == {2}
    assert len(well.requests) == 6


async def test_a_redis_that_is_away_stops_sending_and_loses_nothing(desk, monkeypatch):
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        await desk.recorded("succeeded", 1)
        away = True

        def unless_away(method):
            async def asked(*arguments):
                if away:
                    raise ProjectionUnavailable("redis does not serve: gone for the test")
                return await method(*arguments)

            return asked

        for name in ("put", "settle", "first", "due", "marker", "lanes"):
            monkeypatch.setattr(desk.queue, name, unless_away(getattr(desk.queue, name)))
        taking = asyncio.create_task(desk.publish(*(change("b", number) for number in range(1, 6))))
        await desk.until(lambda: not desk.stage._availability._available, "it says that Redis is away")
        assert len(receiver.requests) == 1
        away = False
        await taking
        await desk.recorded("succeeded", 6)
        assert desk.stage._availability._available
    assert [data["sequence"] for data in told(receiver)] == [1, 1, 2, 3, 4, 5]


async def test_a_schedule_of_another_log_is_not_believed(desk):
    await desk.queue.make_again(0, [], Marker(1_000, 1_000))
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        await desk.recorded("succeeded", 1)
    assert (await desk.queue.marker(0)).tags == 1
    assert len(receiver.requests) == 1


async def test_a_rebuild_keeps_times_attempts_and_the_fields_of_profiles(desk, redis):
    await redis.hset("octyseg:profile:a", mapping={"status": "active", "sequence": "1", "tags": "[]"})
    async with Receiver(status(500)) as receiver:
        await desk.endpoint("crm", receiver.url, profile_fields=("status",))
        await desk.begin()
        await desk.publish(change("a", 1))
        (record,) = await desk.recorded("retrying", 1)
        await desk.until(lambda: not desk.stage._ledger._unwritten[0])
        await desk.end()
    before = await desk.queue.find(0, [record.id])
    await redis.flushall()
    await rebuild(desk.log, TOPICS, desk.queue, 0, 1, cause="test")
    assert await desk.queue.find(0, [record.id]) == before
    assert before[0].attempts == 1
    assert before[0].profile == b'{"status":"active"}'


async def test_a_partition_that_moves_is_worked_on_by_its_next_owner(desk):
    desk.total_timeout_s = 30
    async with Receiver(receivers.hang) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1), change("a", 2))
        await desk.until(lambda: receiver.requests, "a post")
        await desk.end()
        receiver._answer = status(200)
        desk.queue = Queue(desk.redis, "octyseg:")
        await desk.begin()
        await desk.recorded("succeeded", 2)
    assert [data["sequence"] for data in told(receiver)] == [1, 1, 2]


async def test_unreadable_records_of_deliveries_do_not_stop_a_rebuild(desk, redis):
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.log.append(TOPICS.deliveries, 0, [NewRecord(b"x", b"{nonsense"), NewRecord(b"x", None)])
        await desk.publish(change("a", 1))
        await desk.until(lambda: receiver.requests)
        await desk.end()
        await redis.flushall()
        assert (await rebuild(desk.log, TOPICS, desk.queue, 0, 1, cause="test")).tags == 1
