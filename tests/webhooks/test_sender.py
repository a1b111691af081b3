import asyncio
import re
import ssl
from ipaddress import ip_network

import pytest

from octyseg.webhooks.guard import REFUSED, Policy
from octyseg.webhooks.sender import MAX_ANSWER_BYTES, Sender
from tests.webhooks import receivers
from tests.webhooks.receivers import Receiver, status, tls_context
from tests.webhooks.test_guard import DISGUISED

LOCAL = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.0/8"),))
HTTP = Policy(allow_http=True)


@pytest.fixture
async def sender():
    sender = Sender(LOCAL)
    yield sender
    await sender.close()


@pytest.fixture
async def hasty():
    """A sender with so little patience that only a receiver that never answers may be sent to."""
    sender = Sender(LOCAL, total_timeout_s=0.2)
    yield sender
    await sender.close()


async def post(sender, url, headers=None, body=b"{}"):
    return await sender.post("shop", url, headers or {}, body)


async def test_a_post_arrives_as_it_was_written_and_succeeds(sender):
    async with Receiver(status(200)) as receiver:
        answer = await post(sender, receiver.url, {"webhook-id": "chg_1"}, b'{"a":1}')
    (request,) = receiver.requests
    assert request.line == "POST /hooks HTTP/1.1"
    assert request.body == b'{"a":1}'
    assert request.headers["webhook-id"] == "chg_1"
    assert request.headers["content-type"] == "application/json"
    assert (answer.failure, answer.status, answer.body) == (None, 200, b"ok")


async def test_posts_to_one_receiver_share_a_connection(sender):
    async with Receiver(status(204, body=b"")) as receiver:
        for _ in range(5):
            await post(sender, receiver.url)
        assert (len(receiver.requests), receiver.connections) == (5, 1)


@pytest.mark.parametrize("leave", [lambda writer: writer.close(), lambda writer: writer.write(b"HTTP/1.1 500 X")])
async def test_a_connection_is_not_used_again_once_its_receiver_left_or_said_more(sender, leave):
    writers = []

    async def answer(request, writer):
        await status(204, body=b"")(request, writer)
        writers.append(writer)

    async with Receiver(answer) as receiver, asyncio.timeout(5):
        for number in range(1, 4):
            told = await post(sender, receiver.url)
            assert (told.failure, told.status) == (None, 204)
            leave(writers[-1])
            pool = sender._transports["shop"]._pool
            while not all(connection.has_expired() for connection in pool.connections):  # noqa: ASYNC110 - sockets
                await asyncio.sleep(0)
            assert receiver.connections == number


@pytest.mark.parametrize(
    ("answer", "failure", "code"),
    [
        (status(500), "status", 500),
        (status(429, "retry-after: 7"), "status", 429),
        (status(410), "gone", 410),
        (status(301, "location: http://169.254.169.254/"), "status", 301),
        (receivers.endless_headers, "protocol", None),
        (receivers.reset, "protocol", None),
        (receivers.noise, "protocol", None),
    ],
)
async def test_every_bad_answer_becomes_a_failure_of_its_kind(sender, answer, failure, code):
    async with Receiver(answer) as receiver:
        got = await post(sender, receiver.url)
    assert (got.failure, got.status) == (failure, code)
    assert got.message


@pytest.mark.parametrize("answer", [receivers.hang, receivers.drip])
async def test_an_answer_that_never_ends_is_a_failure(hasty, answer):
    async with Receiver(answer) as receiver:
        got = await post(hasty, receiver.url)
    assert (got.failure, got.status) == ("timeout", None)
    assert got.message


async def test_what_a_receiver_asks_for_is_handed_on(sender):
    async with Receiver(status(429, "retry-after: 7")) as receiver:
        assert (await post(sender, receiver.url)).retry_after == "7"


async def test_ten_megabytes_of_answer_are_cut_and_the_connection_is_not_used_again(sender):
    async with Receiver(receivers.large) as receiver:
        got = await post(sender, receiver.url)
        assert (got.failure, len(got.body)) == (None, MAX_ANSWER_BYTES)
        await post(sender, receiver.url)
        assert receiver.connections == 2


async def test_a_compressed_answer_is_kept_as_it_came(sender):
    async with Receiver(status(200, "content-encoding: gzip", body=b"not gzip")) as receiver:
        got = await post(sender, receiver.url)
    assert receiver.requests[0].headers["accept-encoding"] == "identity"
    assert (got.failure, got.body) == (None, b"not gzip")


async def test_a_redirect_reaches_nobody_else(sender):
    async with Receiver(status(200)) as canary, Receiver(status(307, f"location: {canary.url}")) as receiver:
        got = await post(sender, receiver.url)
    assert (got.failure, got.status, canary.connections) == ("status", 307, 0)


async def test_nobody_at_the_port_is_a_failure(sender):
    async with Receiver(status(200)) as receiver:
        pass
    assert (await post(sender, receiver.url)).failure == "connect"


async def test_cookies_and_proxies_have_no_say(sender, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    async with Receiver(status(200, "set-cookie: a=b")) as receiver:
        await post(sender, receiver.url)
        assert (await post(sender, receiver.url)).failure is None
        assert "cookie" not in receiver.requests[1].headers


async def test_a_certificate_nobody_vouches_for_is_a_failure_of_tls(sender, tmp_path):
    context, _ = tls_context(tmp_path)
    async with Receiver(status(200), tls=context) as receiver:
        assert (await post(sender, receiver.url)).failure == "tls"
        assert receiver.requests == []


async def test_the_checked_address_is_dialled_while_name_and_tls_stay(tmp_path):
    context, certificate = tls_context(tmp_path)
    seen = []
    context.sni_callback = lambda _socket, name, _context: seen.append(name)

    async def resolve(host, port):
        return ["127.0.0.1"]

    sender = Sender(LOCAL, resolve=resolve, tls=ssl.create_default_context(cafile=certificate))
    async with Receiver(status(200), tls=context) as receiver:
        got = await post(sender, f"https://hooks.test:{receiver.port}/a")
        await sender.close()
    assert (got.failure, seen) == (None, ["hooks.test"])
    assert receiver.requests[0].headers["host"] == f"hooks.test:{receiver.port}"


async def test_no_disguised_url_reaches_the_canary():
    sender = Sender(HTTP)
    async with Receiver(status(200)) as canary:
        for url in DISGUISED:
            for aimed in (url, re.sub(r"^(http://[^/]+)/", rf"\1:{canary.port}/", url)):
                got = await post(sender, aimed)
                assert (got.failure, got.message, got.status) == ("refused", REFUSED, None), aimed
        assert canary.connections == 0
    await sender.close()


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::ffff:127.0.0.1"], ["169.254.169.254"]]
)
async def test_a_name_with_a_private_answer_is_refused_like_an_address(answers):
    async def resolve(host, port):
        return answers

    sender = Sender(HTTP, resolve=resolve)
    async with Receiver(status(200)) as canary:
        got = await post(sender, f"http://shop.example:{canary.port}/")
        assert (got.failure, got.message, canary.connections) == ("refused", REFUSED, 0)
    await sender.close()


async def test_a_name_server_that_turns_private_is_asked_once_and_believed_never():
    """The first answer is looked up and dialled; at the next connection the second answer is refused."""
    asked = []

    async def resolve(host, port):
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

    policy = Policy(allow_http=True, allow_networks=(ip_network("127.0.0.1/32"),))
    sender = Sender(policy, resolve=resolve)
    async with Receiver(status(200, "connection: close")) as receiver:
        url = f"http://shop.example:{receiver.port}/"
        assert (await post(sender, url)).failure is None
        assert asked == ["shop.example"]
        await sender.forget("shop")
        assert (await post(sender, url)).failure == "refused"
        assert (asked, receiver.connections) == (["shop.example"] * 2, 1)
    await sender.close()


async def test_a_name_that_is_not_found_is_a_failure_of_the_connection():
    async def resolve(host, port):
        raise OSError("no such name")

    sender = Sender(HTTP, resolve=resolve)
    assert (await post(sender, "http://nowhere.example/")).failure == "connect"
    await sender.close()


async def test_a_receiver_that_hangs_does_not_hold_up_another(sender):
    async with Receiver(receivers.hang) as slow, Receiver(status(200)) as quick:
        hanging = [asyncio.create_task(sender.post("slow", slow.url, {}, b"")) for _ in range(10)]
        assert (await sender.post("quick", quick.url, {}, b"")).failure is None
        # Cancelling tells whether it was still waiting.
        assert all(task.cancel() for task in hanging)
        await asyncio.wait(hanging)
