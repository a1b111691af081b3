"""Keys: what each may do, for how long its secret is good, how often it may ask, and where it is needed."""

import json
from contextlib import suppress

import httpx
import pytest

from octyseg.model.key import hashed
from tests.api.conftest import live_segment

pytestmark = pytest.mark.slow

EVENTS = {"events": [{"event_type": "keyed", "event_properties": {}, "profile_id": "keys_p1"}]}


def may_ingest(client):
    return client.post("/v1/retention/events/create/batch", json=EVENTS).status_code


def may_read(client):
    return client.get("/v2/segments").status_code


def may_write(client):
    return client.post("/v2/definitions?dry_run=true", json=live_segment("keys never made")).status_code


def may_admin(client):
    return client.get("/v2/keys").status_code


ASKED = (may_ingest, may_read, may_write, may_admin)


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        (("ingest",), {may_ingest}),
        (("read",), {may_read}),
        (("ingest", "read"), {may_ingest, may_read}),
        (("write",), {may_ingest, may_read, may_write}),
        (("admin",), set(ASKED)),
    ],
)
def test_a_key_may_do_what_its_scopes_say_and_is_told_which_one_it_lacks(server, scopes, allowed):
    with server.client(server.key(*scopes)) as client:
        for ask in ASKED:
            status = ask(client)
            assert status in ({200, 201} if ask in allowed else {403}), ask.__name__
        if may_admin not in allowed:
            assert "octyseg keys create --scope admin" in client.get("/v2/keys").json()["detail"]


def test_a_secret_is_shown_once_and_kept_as_a_hash_only(server, client):
    pair = client.post("/v2/keys", json={"scopes": ["read"], "note": "reports"}).json()
    (listed,) = [one for one in client.get("/v2/keys").json() if one["public_key"] == pair["public_key"]]
    assert (listed["scopes"], listed["note"]) == (["read"], "reports")
    assert "secret" not in str(listed)
    secret = pair["secret_key"].encode()
    contents = []
    for path in server.directory.rglob("*"):
        # Stages are at work there: what they write anew is put in its place when it is whole.
        with suppress(OSError):
            contents.append(path.read_bytes())
    assert any(hashed(pair["secret_key"]).encode() in content for content in contents)
    assert not [content for content in contents if secret in content]


def test_a_revoked_key_opens_nothing_from_then_on(server, client):
    pair = server.key("read")
    with server.client(pair) as holder:
        assert may_read(holder) == 200
        assert client.delete(f"/v2/keys/{pair[0]}").json()["revoked_at"]
        assert may_read(holder) == 401
    again = client.post(f"/v2/keys/{pair[0]}/rotate")
    assert again.status_code == 400
    assert "was revoked" in again.json()["detail"]


def test_a_verb_beside_the_server_revokes_too(server):
    pair = server.key("read")
    with server.client(pair) as holder:
        assert may_read(holder) == 200
        assert server.octyseg("keys", "revoke", pair[0]).code == 0
        server.until(lambda: may_read(holder) == 401, "the key is refused")


def test_after_a_rotation_both_secrets_are_good(server, client):
    public_key, before = server.key("read")
    after = client.post(f"/v2/keys/{public_key}/rotate").json()["secret_key"]
    for secret in (before, after):
        with server.client((public_key, secret)) as holder:
            assert may_read(holder) == 200
    assert before != after


def test_credentials_in_an_address_are_none(server):
    public_key, secret_key = server.admin
    for query in (
        {"public_key": public_key, "secret_key": secret_key},
        {"writeKey": public_key},
        {"authorization": f"{public_key}:{secret_key}"},
    ):
        assert httpx.get(f"{server.url}/v2/segments", params=query).status_code == 401


def test_an_unknown_key_and_a_wrong_secret_are_told_the_same(server):
    public_key, _ = server.key("read")
    said = set()
    for pair in ((public_key, "sk_wrong"), ("pk_" + "0" * 24, "sk_wrong"), ("", ""), (public_key, "")):
        with server.client(pair) as stranger:
            answer = stranger.get("/v2/segments")
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"].startswith("Basic")
            said.add(answer.text)
    assert len(said) == 1


def test_who_asks_too_often_waits_and_nobody_else_does(new_server):
    server = new_server(OCTYSEG_SERVER__RATE_LIMIT="5/minute")
    with server.client(server.key("read")) as hasty, server.client(server.key("read")) as other:
        answers = [hasty.get("/v2/segments") for _ in range(6)]
        assert [answer.status_code for answer in answers] == [200] * 5 + [429]
        assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60
        assert "5 per 1 minute" in answers[-1].json()["detail"]
        assert may_read(other) == 200


def test_without_a_key_this_machine_may_ask_until_the_first_is_made(new_server):
    server = new_server(made_with_keys=False)
    with httpx.Client(base_url=server.url) as anybody:
        assert may_admin(anybody) == 200
        pair = anybody.post("/v2/keys", json={"scopes": ["admin"]}).json()
        assert may_admin(anybody) == 401
    with server.client((pair["public_key"], pair["secret_key"])) as holder:
        assert may_admin(holder) == 200


def test_beyond_this_machine_nobody_is_served_without_keys(new_server):
    """It lives all the same: whoever supervises it asks for its health, and the first key is made beside it."""
    server = new_server(made_with_keys=False, OCTYSEG_SERVER__HOST="0.0.0.0")  # noqa: S104 - to refuse whoever comes
    assert "without keys everybody is refused" in (server.directory / "told").read_text()
    with httpx.Client(base_url=server.url) as anybody:
        for name in ("localhost", "10.0.0.7:8080"):
            named = {"Host": name}
            assert [anybody.get(path, headers=named).status_code for path in ("/healthz", "/readyz")] == [200, 200]
            for path in ("/v2/segments", "/v1/retention/segments", "/console/"):
                refused = anybody.get(path, headers=named)
                assert refused.status_code == 401, path
                assert "octyseg keys create" in refused.text
            track = anybody.post("/v1/track", json={"userId": "ada", "event": "login"}, headers=named)
            assert track.status_code == 401
    made = json.loads(server.octyseg("keys", "create", "--scope", "admin", "-o", "json").out)
    with server.client((made["public_key"], made["secret_key"])) as holder:
        assert may_admin(holder) == 200


@pytest.mark.parametrize("scopes", [["everything"], [], ["read", "root"]])
def test_scopes_that_are_none_are_named(client, scopes):
    answer = client.post("/v2/keys", json={"scopes": scopes})
    assert answer.status_code in {400, 422}
    assert "scopes" in answer.json()["detail"]
