from octyseg.stages.webhooks_replay import GIVEN_UP, replay
from tests.webhooks import receivers
from tests.webhooks.desk import TOPICS, change
from tests.webhooks.receivers import Receiver, status


def given_up(record):
    return record.status in GIVEN_UP


async def test_what_was_given_up_is_sent_again_under_its_id_with_ten_attempts_before_it(desk, redis):
    await redis.hset("octyseg:profile:a", mapping={"status": "active", "sequence": "1", "tags": "[]"})
    async with Receiver(status(500)) as receiver:
        await desk.endpoint("crm", receiver.url, profile_fields=("status",))
        await desk.begin()
        one = change("a", 1)
        await desk.publish(one)
        for attempt in range(1, 10):
            (*_, record) = await desk.recorded("retrying", attempt)
            desk.now_ms += round((record.next_attempt_at - record.at).total_seconds() * 1000) + 1
        await desk.recorded("exhausted", 1)
        receiver._answer = status(200)
        desk.now_ms += 3_600_000
        (again,) = await replay(desk.log, TOPICS, desk.queue, given_up, desk.now_ms)
        desk.now_ms += 1_001
        (record,) = await desk.recorded("succeeded", 1)
    assert (again.change_id, again.message, record.attempt) == (one.change_id, "replayed", 1)
    assert {request.headers["webhook-id"] for request in receiver.requests} == {one.change_id}
    assert len({request.body for request in receiver.requests}) == 1
    assert await replay(desk.log, TOPICS, desk.queue, given_up, desk.now_ms) == []


async def test_a_replay_is_there_again_after_redis_lost_it(desk, redis):
    async with Receiver(status(410)) as receiver:
        await desk.endpoint("crm", receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        await desk.recorded("disabled", 1)
        await desk.end()
        await replay(desk.log, TOPICS, desk.queue, given_up, desk.now_ms)
        await redis.flushall()
        await desk.begin()
        await desk.recorded("disabled", 2)
    assert len(receiver.requests) == 1


async def test_what_still_waits_for_its_first_attempt_is_not_replayed(desk):
    desk.total_timeout_s = 30
    async with Receiver(receivers.hang) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1), change("a", 2))
        await desk.until(lambda: receiver.requests, "a post")
        assert await replay(desk.log, TOPICS, desk.queue, lambda record: True, desk.now_ms) == []
