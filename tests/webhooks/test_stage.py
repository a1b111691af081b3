import json

import msgspec
import pytest
from standardwebhooks import Webhook

from octyseg.log.port import NewRecord
from octyseg.model.definitions.stored import StoredSwitch, switch_key
from octyseg.webhooks.schedule import DELAYS_MS
from tests.webhooks import receivers
from tests.webhooks.desk import TOPICS, change
from tests.webhooks.receivers import Receiver, status

HOUR = 3_600_000


async def test_every_change_arrives_signed_so_that_a_receiver_can_check_it(desk):
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        sent = [change(f"p-{number}", 1) for number in range(25)]
        await desk.publish(*sent)
        await desk.recorded("succeeded", 25)
        (secret,) = await desk.secrets("account")
    assert {request.headers["webhook-id"] for request in receiver.requests} == {one.change_id for one in sent}
    for request in receiver.requests:
        told = Webhook(secret).verify(request.body, request.headers)
        assert told["type"] == "segment.added"
        assert told["data"]["change_id"] == request.headers["webhook-id"]
        assert told["timestamp"] == told["data"]["occurred_at"]
    assert len(receiver.requests) == 25


async def test_a_change_whose_segment_wants_no_webhook_is_not_sent(desk):
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1, webhook=False), change("b", 1))
        await desk.recorded("succeeded", 1)
    assert [json.loads(request.body)["data"]["profile_id"] for request in receiver.requests] == ["b"]
    assert {record.profile_id for record in await desk.records()} == {"b"}


async def test_endpoints_get_what_they_asked_for_in_the_form_they_asked_for(desk, redis):
    await redis.hset("octyseg:profile:a", mapping={"profile_data": '{"plan": "pro"}', "sequence": "1", "tags": "[]"})
    async with Receiver(status(200)) as octy, Receiver(status(200)) as removals:
        fields = ("profile_data.plan", "customer_id")
        await desk.endpoint("octy", octy.url, segments=("gold",), format="octy", profile_fields=fields)
        await desk.endpoint("removals", removals.url, kinds=("removed",))
        await desk.begin()
        await desk.publish(change("a", 1), change("a", 2, segment="new"), change("a", 3, kind="removed"))
        await desk.recorded("succeeded", 3)
    first, second = (json.loads(request.body) for request in octy.requests)
    assert first == {
        "subject": "Live segment tag created",
        "body": {
            "profile_id": "a",
            "segment": {"segment_id": "segment_gold", "segment_tag": "gold"},
            "profile": {"profile_data.plan": "pro", "customer_id": None},
        },
        "date_time": "2023-11-14T22:13:20.000Z",
    }
    assert second["subject"] == "Live segment tag removed"
    assert [json.loads(request.body)["type"] for request in removals.requests] == ["segment.removed"]


async def test_first_attempts_of_a_profile_keep_their_sequence_also_when_they_fail(desk):
    async with Receiver(status(500)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(*(change(f"p-{number % 2}", number) for number in range(8)))
        await desk.recorded("retrying", 8)
    for profile in ("p-0", "p-1"):
        told = [json.loads(request.body)["data"] for request in receiver.requests]
        sequences = [data["sequence"] for data in told if data["profile_id"] == profile]
        assert sequences == sorted(sequences)
        assert len(sequences) == 4


async def test_at_most_ten_posts_are_under_way_at_once(desk):
    under_way, most = 0, 0

    async def answer(request, writer):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        for _ in range(20):
            await receivers.asyncio.sleep(0)
        under_way -= 1
        await status(200)(request, writer)

    async with Receiver(answer) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(*(change(f"p-{number}", 1) for number in range(60)))
        await desk.recorded("succeeded", 60)
    assert 2 <= most <= 10


async def test_attempts_follow_the_table_and_end_in_a_dead_letter(desk):
    async with Receiver(status(503)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        one = change("a", 1)
        await desk.publish(one)
        for attempt in range(1, 10):
            (*_, record) = await desk.recorded("retrying", attempt)
            wait_ms = (record.next_attempt_at - record.at).total_seconds() * 1000
            assert record.attempt == attempt
            assert 0.8 * DELAYS_MS[attempt - 1] - 1 <= wait_ms <= 1.2 * DELAYS_MS[attempt - 1] + 1
            desk.now_ms += round(wait_ms) - 2
            await desk.stage.tick()
            assert len(receiver.requests) == attempt
            desk.now_ms += 2
        (record,) = await desk.recorded("exhausted", 1)
    assert (record.attempt, record.http_status, record.failure, record.answer) == (10, 503, "status", "ok")
    assert {request.headers["webhook-id"] for request in receiver.requests} == {one.change_id}
    assert len({request.body for request in receiver.requests}) == 1
    assert len(receiver.requests) == 10
    (letter,) = await desk.stored(TOPICS.deadletter)
    assert letter.value == (await desk.stored(TOPICS.tags))[0].value
    assert dict(letter.headers)["reason"] == b"exhausted"
    assert dict(letter.headers)["topic"] == b"octyseg.tags"


async def test_what_a_receiver_asks_for_is_honoured(desk):
    async with Receiver(status(429, "retry-after: 8")) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        (record,) = await desk.recorded("retrying", 1)
    assert (record.next_attempt_at - record.at).total_seconds() == 8


async def test_an_endpoint_that_answers_gone_is_disabled_for_all_workers_and_enabled_by_a_person(desk):
    async with Receiver(status(410)) as receiver, Receiver(status(200)) as other:
        await desk.endpoint("gone", receiver.url)
        await desk.endpoint("other", other.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        await desk.recorded("disabled", 1)
        await desk.publish(change("a", 2), change("b", 1))
        await desk.recorded("disabled", 3)
        await desk.recorded("succeeded", 3, "other")
        assert len(receiver.requests) == 1

        async def told():
            return (await desk.registry()).switch("gone")

        switch = await desk.until(told)
        assert (switch.enabled, switch.reason) == (False, "its receiver answered 410")
        desk.now_ms += 1
        back = StoredSwitch(endpoint="gone", enabled=True, reason="by hand", at_ms=desk.now_ms)
        await desk.define(switch_key("gone"), back)
        receiver._answer = status(200)
        await desk.until(lambda: desk.stage._outboxes.endpoints["gone"].enabled)
        await desk.publish(change("a", 3))
        await desk.recorded("succeeded", 1, "gone")


async def test_ten_failures_open_the_breaker_and_a_probe_closes_it(desk):
    async with Receiver(status(500)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(*(change("a", number) for number in range(1, 31)))
        await desk.recorded("retrying", 10)
        desk.now_ms += 59_000
        await desk.stage.tick()
        assert len(receiver.requests) == 10
        receiver._answer = status(200)
        desk.now_ms += 2_000
        await desk.recorded("succeeded", 30)
    sequences = [json.loads(request.body)["data"]["sequence"] for request in receiver.requests]
    assert list(dict.fromkeys(sequences)) == list(range(1, 31))


async def test_an_endpoint_that_fails_for_five_days_is_disabled_and_what_waits_is_settled(desk):
    async with Receiver(status(500)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        for number in range(1, 4):
            await desk.publish(change("a", number))
            await desk.recorded("retrying", number)
        desk.now_ms += 5 * 24 * HOUR
        await desk.publish(change("a", 4))
        await desk.until(lambda: not desk.stage._outboxes.endpoints["account"].enabled)

        async def settled():
            desk.now_ms += 1_000
            return not await desk.redis.keys("octyseg:webhooks:deliveries:*")

        await desk.until(settled, "an empty schedule")
    assert await desk.records("disabled")


async def test_a_change_detected_too_late_keeps_its_tag_and_sends_nothing(desk):
    desk.options = {"max_staleness_ms": 60_000}
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1, late_ms=60_001), change("b", 1, late_ms=60_000))
        await desk.recorded("succeeded", 1)
    assert [record.profile_id for record in await desk.records("stale")] == ["a"]
    assert len(receiver.requests) == 1


async def test_a_change_published_twice_is_sent_once(desk):
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        await desk.publish(change("a", 1), change("b", 1))
        await desk.recorded("succeeded", 2)
    assert len(receiver.requests) == 2


async def test_what_is_no_change_disturbs_nobody(desk):
    async with Receiver(status(200)) as receiver:
        await desk.account(receiver.url)
        await desk.begin()
        await desk.log.append(TOPICS.tags, 0, [NewRecord(b"a", b"{nonsense"), NewRecord(b"a", None)])
        await desk.hand_over()
        await desk.publish(change("b", 1))
        await desk.recorded("succeeded", 1)
    assert len(receiver.requests) == 1


async def test_a_new_definition_is_followed_while_it_runs(desk):
    async with Receiver(status(200)) as old, Receiver(status(200)) as new:
        await desk.account(old.url)
        await desk.begin()
        await desk.publish(change("a", 1))
        await desk.recorded("succeeded", 1)
        await desk.account(new.url)
        await desk.until(lambda: desk.stage._outboxes.endpoints["account"].url == new.url)
        await desk.publish(change("a", 2))
        await desk.recorded("succeeded", 2)
    assert (len(old.requests), len(new.requests)) == (1, 1)


@pytest.mark.parametrize("taken_away", ["deleted", "disabled"])
async def test_deliveries_of_an_endpoint_that_goes_are_settled_without_sending(desk, taken_away):
    async with Receiver(status(500)) as receiver:
        await desk.endpoint("crm", receiver.url)
        await desk.begin()
        await desk.publish(change("a", 1), change("b", 1))
        await desk.recorded("retrying", 2)
        if taken_away == "deleted":
            await desk.log.append(TOPICS.definitions, 0, [NewRecord(b"webhookEndpoints/crm", None)])
        else:
            await desk.endpoint("crm", receiver.url, enabled=False)
        records = await desk.recorded("disabled", 2)
    assert {record.profile_id for record in records} == {"a", "b"}
    assert len(receiver.requests) == 2
    assert msgspec.json.encode(records[0])
