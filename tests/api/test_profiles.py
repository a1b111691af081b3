"""Profiles as wholes: two that become one with what they had begun, and one that is forgotten everywhere."""

import asyncio
import hashlib
import hmac
import json
import uuid
from base64 import b64decode
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import quote

import pyarrow.dataset as ds
import pytest

from octyseg.projection.connection import connect
from octyseg.projection.private import private_valkey
from tests.api.conftest import live_segment

pytestmark = pytest.mark.slow


class Received(BaseHTTPRequestHandler):
    """Keeps what was posted."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.posts.append((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def receiver():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Received)
    server.posts = []
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def whole(new_server):
    """A server that posts to this machine."""
    return new_server(OCTYSEG_WEBHOOKS__ALLOW_HTTP="true", OCTYSEG_WEBHOOKS__ALLOW_NETWORKS='["127.0.0.0/8"]')


def bought(name):
    """Checkout, then an order."""
    steps = [
        {"event_type": "checkout", "exp_timeframe": 5, "action_inaction": "action", "event_properties": {}},
        {"event_type": "order", "exp_timeframe": 0, "action_inaction": "action", "event_properties": {}},
    ]
    return {
        "segment_name": name,
        "segment_type": "live",
        "segment_sub_type": 3,
        "segment_timeframe": 0,
        "event_sequence": steps,
    }


def tags_of(client, profile_id):
    answer = client.get(f"/v2/profiles/{profile_id}")
    return sorted(tag["segment_tag"] for tag in answer.json()["tags"]) if answer.status_code == 200 else []


def send(client, profile_id, event_type):
    event = {"event_type": event_type, "event_properties": {}, "profile_id": profile_id}
    assert client.post("/v1/retention/events/create", json=event).status_code == 201


def create(client, customer_id, **data):
    body = {"profiles": [{"customer_id": customer_id, "has_charged": False, "profile_data": data}]}
    return client.post("/v1/retention/profiles/create", json=body).json()["profiles"][0]["profile_id"]


def test_a_sequence_that_one_profile_began_another_ends_after_they_were_merged(whole):
    with whole.client() as client:
        assert client.post("/v2/segments", json=bought("Bought")).status_code == 201
        assert client.post("/v2/segments", json={"segment_name": "Guests", "segment_type": "static"}).status_code == 201
        guest, member = create(client, "guest"), create(client, "member")
        client.post("/v2/segments/Guests/members/add", json={"profile_ids": [guest]})
        send(client, guest, "checkout")
        whole.until(lambda: tags_of(client, guest) == ["Guests"], "the guest is on the list")
        answer = client.post(f"/v2/profiles/{guest}/merge", json={"into": member})
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
        whole.until(lambda: tags_of(client, member) == ["Guests"], "the list has the member")
        send(client, member, "order")
        whole.until(lambda: tags_of(client, member) == ["Bought", "Guests"], "the sequence is one")
        # Whoever asks for the guest is led to the member, also by the guest's customer_id.
        for name in (guest, "guest"):
            assert client.get(f"/v2/profiles/{name}").json()["profile_id"] == member
        send(client, guest, "checkout")
        whole.until(
            lambda: client.get(f"/v2/segments/Bought/explain/{member}").json()["sequences"],
            "what it does is the member's",
        )
        itself = client.post(f"/v2/profiles/{member}/merge", json={"into": member})
        assert itself.status_code == 400


def test_after_an_erasure_nothing_of_the_profile_is_left(whole, receiver):
    """Looked for by its ids and what was known of it, in every store."""
    marks = [f"mark{uuid.uuid4().hex}" for _ in range(3)]
    with whole.client() as client:
        account = {"webhook_url": f"http://127.0.0.1:{receiver.server_port}/", "authenticated_id_key": "login"}
        assert client.post("/v1/configurations/account/set", json=account).status_code == 200
        secret = whole.octyseg("webhooks", "secret", "account").out.strip()
        assert client.post("/v2/segments", json=live_segment("Seen", "seen", webhook=True)).status_code == 201
        assert (
            client.post(
                "/v2/segments", json={"segment_name": "VIP", "segment_type": "static", "webhook": True}
            ).status_code
            == 201
        )
        profile_id = create(client, marks[0], login=marks[1], note=marks[2])
        other = create(client, "neighbour", login="neighbour")
        for one in (profile_id, other):
            send(client, one, "seen")
        client.post("/v2/segments/VIP/members/add", json={"profile_ids": [profile_id, other]})
        for one in (profile_id, other):
            whole.until(lambda one=one: tags_of(client, one) == ["Seen", "VIP"], "both tags are there")
        searched = [profile_id.encode(), *(mark.encode() for mark in marks)]
        whole.until(lambda: in_history(whole, searched), "history has it")
        assert asyncio.run(in_redis(whole, searched))
        assert in_states(whole, profile_id)

        begun = client.delete(f"/v2/profiles/{profile_id}")
        assert begun.status_code == 202
        path = f"/v2/erasures/{begun.json()['erasure_id']}"
        done = whole.until(lambda: (found := client.get(path).json())["status"] == "done" and found, "it is done")
        assert done["erased_from"] == {"state": True, "redis": True, "history": True}

        # Receivers are told of its tags; when they are, nothing waits to be sent.
        whole.until(lambda: removals(receiver, secret, profile_id) == {"Seen", "VIP"}, "both removals are posted")
        whole.until(lambda: not asyncio.run(in_redis(whole, searched)), "Redis has no key of it")
        assert in_history(whole, searched) == []
        assert not in_states(whole, profile_id)
        assert client.get(f"/v2/profiles/{profile_id}").status_code == 404
        assert client.get(f"/v2/profiles/{marks[0]}").status_code == 404
        for segment in ("Seen", "VIP"):
            assert client.get(f"/v2/segments/{segment}/members/{profile_id}").json()["is_member"] is False
            assert client.get(f"/v2/segments/{segment}/count").json()["count"] == 1
        assert tags_of(client, other) == ["Seen", "VIP"]
        # Who comes back under the same id is somebody new.
        send(client, profile_id, "seen")
        whole.until(lambda: tags_of(client, profile_id) == ["Seen"], "a new profile")
    assert client.is_closed


def in_history(server, searched):
    """The files that hold one of these."""
    found = []
    for path in server.directory.rglob("*.parquet"):
        rows = json.dumps(ds.dataset(path).to_table().to_pylist(), default=str).encode()
        if any(one in rows for one in searched):
            found.append((path.name, rows))
    return found


async def in_redis(server, searched):
    """The keys that name one of these or hold it."""
    found = []
    with private_valkey(server.directory / "o.db.valkey") as url:
        redis = connect(url)
        async for key in redis.scan_iter(count=1_000):
            whole = key + (await redis.dump(key) or b"") + await content(redis, key)
            if any(one in whole for one in searched):
                found.append(key)
        await redis.aclose()
    return found


async def content(redis, key):
    """Everything under a key as one text; what `dump` packs is open here."""
    match await redis.type(key):
        case b"hash":
            parts = [part for pair in (await redis.hgetall(key)).items() for part in pair]
        case b"zset":
            parts = await redis.zrange(key, 0, -1)
        case b"set":
            parts = list(await redis.smembers(key))
        case b"list":
            parts = await redis.lrange(key, 0, -1)
        case b"stream":
            parts = [part for _, fields in await redis.xrange(key) for pair in fields.items() for part in pair]
        case _:
            parts = [await redis.get(key) or b""]
    return b"\0".join(parts)


def in_states(server, profile_id):
    """Whether the newest state of the profile that is on the log is one."""
    done = server.octyseg("tail", "outcomes", "--from-start", "-o", "json")
    found = [one for line in done.out.splitlines() if (one := json.loads(line))["key"] == profile_id]
    return bool(found) and bool(found[-1]["value"].get("state"))


def removals(receiver, secret, profile_id):
    """The tags whose removal was posted for the profile, with a signature that is right."""
    key = b64decode(secret.removeprefix("whsec_"))
    found = set()
    for headers, body in receiver.posts:
        told = json.loads(body)
        if told["type"] != "segment.removed" or told["data"]["profile_id"] != profile_id:
            continue
        names = {name.lower(): value for name, value in headers.items()}
        signed = f"{names['webhook-id']}.{names['webhook-timestamp']}.".encode() + body
        digest = hmac.new(key, signed, hashlib.sha256).digest()
        assert digest in [b64decode(one.removeprefix("v1,")) for one in names["webhook-signature"].split()]
        found.add(told["data"]["segment_tag"])
    return found


@pytest.mark.parametrize("path", ["profiles/{}", "segments/no such/members/{}"])
def test_what_is_no_id_is_not_found_whatever_it_holds(client, path):
    """A line feed ended the path, and another route said that its method is none."""
    for profile_id in ("no-such", "no/such", "no\nsuch", "no\r\nsu/ch"):
        answer = client.get(f"/v2/{path.format(quote(profile_id, safe=''))}")
        assert answer.status_code == 404, answer.text
