import asyncio

import pytest

from octyseg import metrics
from octyseg.model.change import to_json
from octyseg.webhooks.answer import Answer
from octyseg.webhooks.breaker import CLOSED, Breaker
from octyseg.webhooks.delivery import Delivery
from octyseg.webhooks.endpoint import Endpoint
from octyseg.webhooks.outbox import Outbox
from octyseg.webhooks.queue import Due
from tests.webhooks.desk import change

ENDPOINT = Endpoint(
    "crm",
    "http://crm.example/",
    frozenset(),
    frozenset(),
    "standard",
    (),
    enabled=True,
    why_disabled="",
    secrets=(("whsec_AAAA", None),),
)


class Schedule:
    """Gives one delivery that is due, the first two times it is asked, and waits before it answers when told to."""

    def __init__(self):
        one = change("a", 1)
        self.delivery = Delivery(one.change_id, "crm", "a", 0, to_json(one), b"", 1, 5)
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def first(self, partition, endpoint, after, limit):
        return [], False

    async def due(self, partition, endpoint, now_ms, limit):
        self.asked += 1
        asked = self.asked
        await self.answers.wait()
        return Due([self.delivery] if asked <= 2 else [], None)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - the loop turns until it is so
            await asyncio.sleep(0)


async def test_what_was_written_down_while_the_schedule_was_read_is_not_sent_again():
    schedule, posted, settled = Schedule(), [], []
    answered = asyncio.Event()

    async def post(endpoint, url, headers, body):
        posted.append(headers["webhook-id"])
        await answered.wait()
        return Answer(None, 200, "", None, b"", 1)

    now_ms = 10_000
    outbox = Outbox(
        ENDPOINT,
        breaker=CLOSED,
        schedule=schedule,
        post=post,
        clock=lambda: now_ms,
        on_settled=lambda partition, settlement, breaker: settled.append(settlement),
        on_hopeless=lambda name, reason: None,
    )
    outbox.open(0)
    running = asyncio.create_task(outbox.run())
    await until(lambda: posted)
    schedule.answers.clear()
    now_ms += 60_000
    outbox.tick(now_ms)
    await until(lambda: schedule.asked == 2)
    # The post ends and is written down while the question above is still open.
    answered.set()
    await until(lambda: settled)
    outbox.written(settled[0])
    schedule.answers.set()
    await asyncio.sleep(0)
    now_ms += 60_000
    outbox.tick(now_ms)
    await until(lambda: schedule.asked == 3)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert posted == [schedule.delivery.change_id]


async def test_who_has_no_partition_or_no_endpoint_does_not_say_that_it_rests():
    def told():
        outbox.tick(0)
        return metrics.WEBHOOK_BREAKER.labels("crm")._value.get()

    outbox = Outbox(
        ENDPOINT,
        breaker=Breaker(failures=10, rests=1, open_until_ms=60_000),
        schedule=Schedule(),
        post=None,
        clock=lambda: 0,
        on_settled=None,
        on_hopeless=None,
    )
    assert told() == 0
    outbox.open(0)
    assert told() == 1
    outbox.change(ENDPOINT._replace(enabled=False))
    assert told() == 0
    # Who is turned on again begins anew.
    outbox.change(ENDPOINT)
    assert told() == 0


async def test_an_attempt_that_breaks_ends_the_work_and_is_not_taken_for_done():
    settled = []

    async def post(endpoint, url, headers, body):
        raise RuntimeError("nobody foresaw this")

    outbox = Outbox(
        ENDPOINT,
        breaker=CLOSED,
        schedule=Schedule(),
        post=post,
        clock=lambda: 10_000,
        on_settled=lambda partition, settlement, breaker: settled.append(settlement),
        on_hopeless=lambda name, reason: None,
    )
    outbox.open(0)
    with pytest.raises(RuntimeError, match="nobody foresaw this"):
        async with asyncio.timeout(10):
            await outbox.run()
    assert settled == []
