"""The same request under the same Idempotency-Key: carried out once, answered to whoever sent it and to nobody else."""

import asyncio
from types import SimpleNamespace

import httpx
import pytest

from octyseg.api.idempotency import Idempotency
from tests.projection.conftest import redis, redis_sync, valkey_url  # noqa: F401 - fixtures of the same servers

PREFIX = "once:"


class Behind:
    """What stands behind it: counts requests, answers as it was told, lets in who is known."""

    def __init__(self):
        self.carried_out = 0
        self.status, self.body = 201, b'{"secret": "sk_shown_once"}'
        self.known = {"Basic ada", "Basic bob"}
        self.wait = None
        self.begun = asyncio.Event()

    async def knows(self, header, path):
        assert path == "/v2/things"
        return header in self.known

    async def __call__(self, scope, receive, send):
        headers = dict(scope["headers"])
        is_known = headers[b"authorization"].decode() in self.known
        self.carried_out += is_known
        self.begun.set()
        if self.wait is not None:
            await self.wait.wait()
        await receive()
        await send({"type": "http.response.start", "status": self.status if is_known else 401, "headers": []})
        await send({"type": "http.response.body", "body": self.body if is_known else b"who are you"})


@pytest.fixture
def behind():
    return Behind()


@pytest.fixture
async def ask(behind, redis):  # noqa: F811 - the fixture's name
    access = SimpleNamespace(redis=redis, settings=SimpleNamespace(redis_prefix=PREFIX))
    transport = httpx.ASGITransport(Idempotency(behind, access, behind))
    async with httpx.AsyncClient(transport=transport, base_url="http://octyseg") as client:

        async def ask(who="ada", key="k-1", body="{}"):
            headers = {"Authorization": f"Basic {who}", "Idempotency-Key": key}
            return await client.post("/v2/things", content=body, headers=headers)

        yield ask


async def test_a_request_that_comes_again_is_answered_and_not_carried_out(ask, behind):
    answers = [await ask() for _ in range(3)]
    assert {(one.status_code, one.content) for one in answers} == {(201, behind.body)}
    assert ["idempotent-replayed" in one.headers for one in answers] == [False, True, True]
    assert behind.carried_out == 1


async def test_another_caller_gets_an_answer_of_his_own(ask, behind):
    await ask("ada")
    behind.body = b"bob's"
    assert (await ask("bob")).content == b"bob's"
    assert behind.carried_out == 2


async def test_whose_key_was_revoked_gets_no_answer_again(ask, behind):
    await ask()
    behind.known.clear()
    again = await ask()
    assert (again.status_code, again.content) == (401, b"who are you")


async def test_a_stranger_leaves_nothing(ask, redis):  # noqa: F811 - as above
    assert (await ask("eve")).status_code == 401
    assert await redis.keys("*") == []


async def test_what_is_kept_shows_nothing_of_the_answer(ask, behind, redis):  # noqa: F811 - as above
    # So long that what is sealed does not hold them by chance.
    who, key = "ada-whom-it-does-not-name", "key-that-is-not-kept"
    behind.known.add(f"Basic {who}")
    assert (await ask(who, key)).status_code == 201
    (name,) = await redis.keys("*")
    kept = await redis.get(name)
    assert name.startswith(PREFIX.encode())
    assert not [word for word in (b"sk_shown_once", who.encode(), key.encode()) if word in kept + name]
    assert 0 < await redis.ttl(name) <= 24 * 60 * 60


@pytest.mark.parametrize("status", [500, 503, 401, 429])
async def test_what_failed_here_or_was_not_judged_may_be_tried_again(ask, behind, status):
    behind.status = status
    assert (await ask()).status_code == status
    behind.status = 201
    assert (await ask()).status_code == 201
    assert behind.carried_out == 2


@pytest.mark.parametrize("status", [400, 404, 409, 422])
async def test_what_was_refused_stays_refused(ask, behind, status):
    behind.status = status
    await ask()
    behind.status = 201
    assert (await ask()).status_code == status
    assert behind.carried_out == 1


async def test_while_it_is_carried_out_others_are_told_to_ask_again(ask, behind):
    behind.wait = asyncio.Event()
    first = asyncio.create_task(ask())
    await behind.begun.wait()
    second = await ask()
    assert (second.status_code, second.headers["Retry-After"]) == (409, "1")
    behind.wait.set()
    assert (await first).status_code == 201


async def test_another_request_under_the_key_is_refused(ask, behind):
    await ask(body='{"a": 1}')
    assert (await ask(body='{"a": 2}')).status_code == 422
    assert behind.carried_out == 1
