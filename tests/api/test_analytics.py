"""Segment's and RudderStack's own libraries, unmodified, and what other senders of their protocol do."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import rudderstack.analytics.client as rudderstack
import segment.analytics.client as segment

pytestmark = pytest.mark.slow

EVENTS = [2_000, pytest.param(10_000, marks=pytest.mark.faults)]


def archived(server, event_type):
    """Everything of a type that is on the log."""
    done = server.octyseg("tail", "events", "--from-start", "-o", "json")
    assert done.code == 0, done.err
    values = [json.loads(line)["value"] for line in done.out.splitlines()]
    return [value for value in values if value.get("event_type") == event_type]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("library", "write_key"),
    [(segment, "public half"), (rudderstack, "both halves")],
    ids=["segment", "rudderstack"],
)
@pytest.mark.parametrize("count", EVENTS)
def test_a_library_delivers_every_event(server, library, write_key, count):
    pair = server.key("ingest")
    failed = []
    client = library.Client(
        pair[0] if write_key == "public half" else ":".join(pair),
        host=server.url,
        on_error=lambda error, _batch: failed.append(error),
        gzip=True,
        max_queue_size=count,
    )
    name = f"{library.__name__.split('.')[0]}_{write_key[:4]}_{count}"
    client.identify(f"{name}_0", {"plan": "gold"})
    for number in range(count):
        sent = client.track(f"{name}_{number % 500}", name, {"n": number})
        assert sent is not False
        assert not isinstance(sent, tuple) or sent[0]
    client.shutdown()
    assert failed == []
    found = archived(server, name)
    assert sorted(one["event_properties"]["n"] for one in found) == list(range(count))
    assert len({one["event_id"] for one in found}) == count
    with server.client() as admin:
        server.until(
            lambda: admin.get(f"/v2/profiles/{name}_0").json().get("profile_data") == {"plan": "gold"},
            "traits are the profile's data",
        )


def post(server, body, path="/v1/batch", pair=None):
    with server.client(pair) as client:
        return client.post(path, json=body)


def track(user, event, **more):
    return {"type": "track", "userId": user, "event": event} | more


def test_a_message_that_cannot_be_taken_stops_no_other(server):
    batch = [
        track("mixed_1", "mixed"),
        {"type": "track", "event": "mixed"},
        "no object",
        track("mixed_2", "mixed", properties={"n": 1}),
        {"type": "nonsense", "userId": "mixed_3"},
        track("mixed_4", ""),
    ]
    answer = post(server, {"batch": batch})
    assert answer.status_code == 200
    told = answer.json()
    assert [one["index"] for one in told["refused"]] == [1, 2, 4, 5]
    assert "userId and anonymousId" in told["refused"][0]["message"]
    assert sorted(one["profile_id"] for one in archived(server, "mixed")) == ["mixed_1", "mixed_2"]


def test_a_clock_that_is_wrong_is_put_right(server):
    now = datetime.now(UTC)
    fast = now + timedelta(hours=3)
    batch = [track("skewed", "skewed", timestamp=(fast - timedelta(minutes=10)).isoformat(), messageId="m-1")]
    assert post(server, {"batch": batch, "sentAt": fast.isoformat()}).json()["refused"] == []
    (found,) = archived(server, "skewed")
    at = datetime.fromisoformat(found["created_at"])
    assert abs(at - (now - timedelta(minutes=10))) < timedelta(seconds=30)
    assert found["event_id"] == "m-1"


def test_single_messages_of_every_kind(server, client):
    user = {"userId": "kinds"}
    for path, message in {
        "/v1/track": user | {"event": "kinds"},
        "/v1/identify": user | {"traits": {"plan": "silver"}},
        "/v1/page": user | {"name": "Home"},
        "/v1/screen": user | {"name": "Home"},
        "/v1/group": user | {"groupId": "g"},
        "/v1/alias": user | {"previousId": "kinds_before"},
    }.items():
        answer = post(server, message, path)
        assert (answer.status_code, answer.json()["refused"]) == (200, []), path
    assert archived(server, "page_viewed")[0]["event_properties"] == {"name": "Home"}
    server.until(
        lambda: client.get("/v2/profiles/kinds").json().get("profile_data") == {"plan": "silver"}, "traits are known"
    )


def test_the_public_half_sends_events_and_nothing_else(server):
    public_key, _ = server.key("ingest", "read")
    with server.client((public_key, "")) as client:
        assert client.post("/v1/track", json=track("half", "half")).status_code == 200
        assert client.get("/v2/segments").status_code == 401
        assert client.post("/v1/retention/events/create", json={}).status_code == 401
    with server.client((public_key, "sk_wrong")) as client:
        assert client.post("/v1/track", json=track("half", "half")).status_code == 401
    reader, _ = server.key("read")
    with server.client((reader, "")) as client:
        assert client.post("/v1/track", json=track("half", "half")).status_code == 403


def test_a_wrong_key_is_told_in_the_libraries_form(server):
    answer = httpx.post(f"{server.url}/v1/batch", json={"batch": []}, auth=("pk_nobody", ""))
    assert answer.status_code == 401
    assert answer.json().keys() == {"success", "code", "message"}


def test_a_packed_batch_is_read(server):
    packed = gzip.compress(json.dumps({"batch": [track("packed", "packed")]}).encode())
    token = base64.b64encode(":".join(server.admin).encode()).decode()
    headers = {"Content-Encoding": "gzip", "Content-Type": "application/json", "Authorization": f"Basic {token}"}
    assert httpx.post(f"{server.url}/v1/batch", content=packed, headers=headers).status_code == 200
    assert len(archived(server, "packed")) == 1
