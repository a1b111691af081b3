"""What no route sees: the API part of the catalogue of bad input, a row for a row."""

import gzip
import json
import socket
from urllib.parse import urlsplit

import httpx
import pytest

from octyseg.api.gate import MAX_BODY_BYTES

pytestmark = pytest.mark.slow

BATCH = "/v1/retention/events/create/batch"


def raw(server, *pieces):
    """Bytes sent as they are, and the status line and body of what comes back."""
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), 20) as opened:
        for piece in pieces:
            opened.sendall(piece)
        answer = b""
        while piece := opened.recv(65_536):
            answer += piece
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


def head_of(server, method, path, *lines):
    authorization = server.client().headers["Authorization"]
    words = (
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"Authorization: {authorization}",
        "Connection: close",
        *lines,
    )
    return ("\r\n".join(words) + "\r\n\r\n").encode()


def test_a_body_of_a_gigabyte_is_refused_before_it_is_sent(server):
    head = head_of(server, "POST", BATCH, "Content-Type: application/json", f"Content-Length: {1024**3}")
    status, body = raw(server, head)
    assert status == 413
    assert b"more than 1024 KiB: send it in parts" in body


def test_a_body_without_length_is_cut_where_it_may_not_go_on(server):
    head = head_of(server, "POST", BATCH, "Content-Type: application/json", "Transfer-Encoding: chunked")
    chunk = b"%x\r\n%b\r\n" % (MAX_BODY_BYTES, b" " * MAX_BODY_BYTES)
    status, body = raw(server, head, chunk, b"1\r\n \r\n")
    assert status == 413
    assert b"send it in parts" in body


def test_a_small_body_that_unpacks_to_much_is_refused(client):
    packed = gzip.compress(b" " * (MAX_BODY_BYTES + 1))
    assert len(packed) < 2_000
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert client.post(BATCH, content=packed, headers=headers).status_code == 413
    assert client.post("/v1/batch", content=packed, headers=headers).status_code == 413


def test_what_is_said_to_be_packed_must_be(client):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = client.post("/v1/batch", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "the body is no gzip" in answer.json()["message"]
    headers["Content-Encoding"] = "br"
    assert client.post("/v1/batch", content=b"{}", headers=headers).status_code == 415


def test_length_and_chunks_in_one_request_are_refused(server):
    # In one piece: who answers before it has read everything may lose the answer with the connection.
    head = head_of(
        server, "POST", BATCH, "Content-Type: application/json", "Content-Length: 2", "Transfer-Encoding: chunked"
    )
    assert raw(server, head + b"2\r\n{}\r\n0\r\n\r\n")[0] == 400


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/csv", "text/yaml", ""])
def test_another_type_of_body_is_refused(client, kind):
    answer = client.post(BATCH, content=b"{}", headers={"Content-Type": kind} if kind else {})
    assert answer.status_code == 415
    assert "send Content-Type: application/json" in answer.json()["error"]["errors"][0]["error_message"]


@pytest.mark.parametrize("name", ["key", "api_key", "apiKey", "token", "secret_key", "writeKey", "Authorization"])
def test_credentials_in_the_address_are_refused_also_beside_good_ones(client, name):
    answer = client.get("/v2/segments", params={name: "x"})
    assert answer.status_code == 401
    assert "send the Authorization header" in answer.json()["detail"]


def test_a_secret_under_another_name_is_found_in_the_address(client, server):
    assert client.get("/v2/profiles", params={"q": server.admin[1]}).status_code == 401


@pytest.mark.parametrize("size", ["-1", "0", "1000000000", "9" * 400, "ten", "1.5", "NaN"])
def test_a_page_of_no_size_there_is_is_refused(client, size):
    answer = client.get("/v2/profiles", params={"limit": size})
    assert answer.status_code == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["errors"][0].startswith("query.limit: ")


@pytest.mark.parametrize("cursor", ["-1", "ten", "9" * 400, "1.5", "1e3", "0x10"])
def test_a_forged_cursor_of_octy_s_is_refused(client, cursor):
    answer = client.get("/v1/retention/segments", headers={"cursor": cursor})
    assert answer.status_code == 400
    assert "cursor" in answer.json()["error"]["errors"][0]["error_message"]


@pytest.mark.parametrize("after", ["!", "////", "_w", "a"])
def test_a_forged_after_is_refused(client, after):
    assert client.get("/v2/profiles", params={"after": after}).status_code == 400


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b"[]",
        b'"x"',
        b"{}x",
        b"\xff\xfe",
        b'{"events": [NaN]}',
        b'{"events": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"events": [{"event_properties": {"value": 1e400}}]}',
        b'{"events": 1' + b"0" * 5_000 + b"}",
        b'{"events": [{"profile_id": "ada", "profile_id": "bob"}]}',
        b'{"events": "\\ud800"}',
    ],
    ids=[
        "cut",
        "array",
        "text",
        "trailing",
        "no_utf8",
        "nan",
        "deep",
        "beyond_a_double",
        "long_number",
        "twice",
        "surrogate",
    ],
)
@pytest.mark.parametrize("path", [BATCH, "/v1/batch", "/v2/segments", "/v2/definitions"])
def test_what_is_no_json_of_ours_is_refused_with_one_error(client, path, text):
    answer = client.post(path, content=text, headers={"Content-Type": "application/json"})
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()


BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        (BOMB, "alias"),
        ("segments: !!python/object/apply:os.system ['true']\n", "tag"),
        ("segments: []\nsegments: []\n", "already in line 1"),
    ],
    ids=["bomb", "object", "twice"],
)
@pytest.mark.parametrize("path", ["/v2/definitions", "/v2/segments/validate", "/v2/segments/preview"])
def test_yaml_that_is_an_attack_is_refused(client, path, text, word):
    answer = client.post(path, content=text, headers={"Content-Type": "application/yaml"})
    if path.endswith("validate"):
        assert answer.status_code == 200
        assert not answer.json()["valid"]
        problems = answer.json()["problems"]
    else:
        assert answer.status_code == 400
        problems = answer.json()["errors"]
    assert any(word in problem for problem in problems)


def test_an_open_server_hears_only_its_own_machine(new_server):
    """A page of the web that has its name point at 127.0.0.1 sends that name as the host."""
    server = new_server(made_with_keys=False)
    assert httpx.get(f"{server.url}/v2/segments").status_code == 200
    answer = httpx.get(f"{server.url}/v2/segments", headers={"Host": "evil.example"})
    assert answer.status_code == 421
    assert "`octyseg keys create`" in answer.json()["detail"]
    pair = server.first_key("read")
    server.until(lambda: httpx.get(f"{server.url}/v2/segments").status_code == 401, "the first key closes the door")
    with server.client(pair) as client:
        assert client.get("/v2/segments", headers={"Host": "octyseg.example"}).status_code == 200


def test_errors_have_the_form_of_their_routes(client):
    octy = client.get("/v1/nothing")
    assert octy.status_code == octy.json()["error"]["code"] == 404
    own = client.get("/v2/nothing")
    assert own.json() == {
        "type": "about:blank",
        "title": "Not Found",
        "status": 404,
        "detail": "there is no route GET /v2/nothing: /docs lists them",
        "errors": ["there is no route GET /v2/nothing: /docs lists them"],
    }
    assert client.delete("/v1/track").status_code == 405
    assert client.post("/v1/track", json={}).json()["success"] is True
    assert json.loads(client.post("/v1/track", json=[]).content)["success"] is False


def test_the_documentation_asks_nothing_of_another_server(client):
    page = client.get("/docs").text
    assert "//cdn" not in page
    assert "https://fonts" not in page
    assert client.get("/openapi.json").json()["openapi"].startswith("3.")
