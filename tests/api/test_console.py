"""The console: what its pages show, whom they let in, and what they keep a browser from doing."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote, urljoin, urlsplit

import httpx
import pytest

from octyseg.api import console
from octyseg.service.lag import STAGES
from tests.api.conftest import live_segment

# What a page would do to whoever shows it as it is.
MEAN = '<script>alert("1")</script>/x y&z'
PAGES = ("/", "/try", "/profiles", "/webhooks", "/dead-letters", "/lag")
STATIC = Path(console.__file__).parent / "static"


class _Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.tags = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.found += [value for name, value in attributes if name in {"href", "src", "action"}]


def links(answer, part):
    """Those of its links that have the part, as a browser follows them."""
    found = [urlsplit(urljoin(str(answer.url), one)) for one in _Links(answer.text).found]
    return [one for one in (f"{one.path}?{one.query}" for one in found) if part in one]


@pytest.fixture(scope="module")
def known(server, client):
    """A segment and a profile whose names mean something to a browser."""
    assert client.post("/v2/segments", json=live_segment("Mean & <b>bold</b>", "meant")).status_code == 201
    event = {"userId": MEAN, "event": "meant", "messageId": "mean-<i>1</i>"}
    assert client.post("/v1/track", json=event).json()["success"]
    server.until(lambda: client.get(f"/v2/profiles/{quote(MEAN)}").is_success, "the profile is a member")


@pytest.mark.slow
def test_from_a_segment_to_its_members_and_why_they_are_in_it(known, client):
    (segment,) = links(client.get("/console/"), "/console/segment?name=")[-1:]
    page = client.get("/console/segment", params={"name": "Mean & <b>bold</b>"})
    assert "Mean &amp; &lt;b&gt;bold&lt;/b&gt;" in page.text
    assert "meant" in page.text
    assert client.get(segment).status_code == 200
    (profile,) = links(page, "/console/profile?id=")
    (why,) = links(page, "/console/explain?")
    page = client.get(profile)
    assert "Mean &amp; &lt;b&gt;bold&lt;/b&gt;" in page.text
    assert "mean-&lt;i&gt;1&lt;/i&gt;" in page.text
    page = client.get(why)
    assert "<strong>in</strong>" in page.text
    assert "What would change it" in page.text
    for one in (client.get("/console/"), client.get(segment), client.get(profile), page):
        assert set(_Links(one.text).tags).isdisjoint({"b", "i"})
        assert _Links(one.text).tags.count("script") == 1


@pytest.mark.slow
def test_a_profile_is_found_by_the_beginning_of_its_id(known, client):
    assert links(client.get("/console/profiles", params={"q": "<scr"}), f"id={quote(MEAN, safe='/')}")
    assert "No profile begins so" in client.get("/console/profiles", params={"q": "nobody-"}).text
    page = client.get("/console/segment", params={"name": "Mean & <b>bold</b>", "q": "nobody-"})
    assert "None that begin so" in page.text


@pytest.mark.slow
def test_more_members_than_a_page_has_come_page_by_page(client, server):
    assert client.post("/v2/segments", json=live_segment("Many pages", "paged")).status_code == 201
    batch = [{"type": "track", "userId": f"page-{number}", "event": "paged"} for number in range(70)]
    assert client.post("/v1/batch", json={"batch": batch}).is_success
    server.until(lambda: client.get("/v2/segments/Many pages/count").json()["count"] == 70, "all are members")
    for path, q in (("/console/segment?name=Many+pages", ""), ("/console/segment?name=Many+pages", "&q=page-")):
        first = client.get(path + q)
        (more,) = links(first, "after=")
        second = client.get(more)
        seen = {*links(first, "profile?id="), *links(second, "profile?id=")}
        assert len(links(first, "profile?id=")) == 50
        assert len(seen) == 70
        assert not links(second, "after=")


@pytest.mark.slow
def test_refused_records_are_shown_with_what_is_wrong(client, server):
    lines = [json.dumps({"profile_id": f"refused-{number}", "event_type": 5}) for number in range(60)]
    (server.directory / "bad.jsonl").write_text("\n".join(lines) + "\n")
    assert server.octyseg("produce", server.directory / "bad.jsonl").code == 0
    server.until(
        lambda: sum("refused-" in one["key"] for one in client.get("/v2/dead-letters").json()["items"]) == 60,
        "all are refused",
    )
    first = client.get("/v2/dead-letters?limit=25").json()
    second = client.get(f"/v2/dead-letters?limit=25&before={first['before']}").json()
    offsets = [one["offset"] for one in first["items"] + second["items"]]
    assert offsets == sorted(offsets, reverse=True)
    assert len(set(offsets)) == 50
    letter = first["items"][0]
    assert letter["reason"] == "bad_field"
    assert "event_type" in letter["error"]
    assert letter["topic"] == "octyseg.events"
    assert json.loads(letter["value"])["profile_id"] == letter["key"]
    assert letter["value_bytes"] == len(letter["value"])
    page = client.get("/console/dead-letters")
    assert "bad_field" in page.text
    (earlier,) = links(page, "before=")
    assert "refused-" in client.get(earlier).text
    assert client.get("/v2/dead-letters?before=0").json() == {"items": [], "before": None}
    for api in (True, False):
        ended = server.octyseg("get", "dead-letters", "-n", "25", "-o", "json", api=api)
        assert json.loads(ended.out) == first["items"]
    assert "bad_field" in server.octyseg("get", "dead-letters", "-n", "1").out


@pytest.mark.slow
def test_the_lag_of_all_stages_is_shown_and_told(client, server):
    told = client.get("/v2/lag?for_s=0.5").json()
    assert {one["stage"] for one in told} == set(STAGES)
    assert {one["status"] for one in told} <= {"OK", "WARN"}
    page = client.get("/console/lag").text
    assert all(f"<td>{stage}</td>" in page for stage in STAGES)
    ended = server.octyseg("lag", "--stage", "tags", "--for", "0.5", "-o", "json", api=True)
    assert ended.code == 0, ended.err
    assert {(one["stage"], one["partition"]) for one in json.loads(ended.out)} == {("tags", n) for n in range(4)}
    ended = server.octyseg("lag", "--for", "90", api=True)
    assert ended.code == 2
    assert "for_s: input should be less than or equal to 5" in ended.err


@pytest.mark.slow
def test_endpoints_are_shown_with_what_became_of_a_delivery(client):
    hook = {"kind": "webhookEndpoints", "webhookEndpoints": [{"name": "crm", "url": "https://crm.example/in"}]}
    assert client.post("/v2/definitions", json=hook).is_success
    page = client.get("/console/webhooks")
    assert "https://crm.example/in" in page.text
    assert links(page, "endpoint=crm")
    page = client.get("/console/webhooks", params={"change": "chg_none"})
    assert "<code>chg_none</code>: none." in page.text


@pytest.mark.slow
def test_no_other_site_can_have_a_browser_try_definitions(client):
    """It would carry the key along; only a page of this server may send the header."""
    form = {"definitions": json.dumps(live_segment("Tried", "tried")), "what": "preview"}
    refused = client.post("/console/try", data=form)
    assert refused.status_code == 403
    assert "open /console/try" in refused.text
    tried = client.post("/console/try", data=form, headers={"HX-Request": "true"})
    assert tried.status_code == 200
    assert "<td>Tried</td>" in tried.text
    assert client.get("/v2/segments/Tried").status_code == 404
    assert client.post("/v2/segments", data=form).status_code == 415


@pytest.mark.slow
@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/console/profile?id=no-such", 404, "there is no profile no-such"),
        ("/console/segment?name=no-such", 404, "there is no segment &#34;no-such&#34;"),
        ("/console/explain?profile=no-such&segment=no-such", 404, "there is no segment"),
        ("/console/segment", 422, "query.name: field required"),
        ("/console/profiles?after=_", 400, "after is none that an answer gave"),
        ("/console/no-such", 404, "there is no route GET /console/no-such"),
        ("/console/static/no-such", 404, ""),
        ("/console?key=sk_1", 401, "credentials do not belong into the address"),
    ],
)
def test_what_is_wrong_is_a_page_too(client, path, status, text):
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html; charset=utf-8")
    assert text in answer.text
    assert "hx-trigger" not in answer.text


@pytest.mark.slow
def test_only_who_may_read_sees_anything(server):
    answer = httpx.get(f"{server.url}/console")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert "octyseg keys create" in answer.text
    with server.client(server.key("ingest")) as asked:
        answer = asked.get("/console/")
        assert answer.status_code == 403
        assert "octyseg keys create --scope read" in answer.text
    with server.client(server.key("read")) as asked:
        assert {asked.get(f"/console{page}").status_code for page in PAGES} == {200}


@pytest.mark.slow
def test_a_browser_may_do_nothing_but_show_what_this_server_sends(client):
    for page in PAGES:
        answer = client.get(f"/console{page}")
        allowed = answer.headers["Content-Security-Policy"]
        assert allowed.startswith("default-src 'none'; script-src 'self';")
        assert "frame-ancestors 'none'" in allowed
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        # Wherever a proxy shows the console: its pages stand beside each other, and the API above them.
        assert all(re.match(r"\./|\.\./docs$|[a-z-]+(\?|$)|data:,$", one) for one in _Links(answer.text).found)
        assert "style=" not in answer.text
    assert client.post("/console", json={}).status_code == 405


@pytest.mark.slow
def test_whoever_comes_to_the_server_is_led_to_the_console(server):
    answer = httpx.get(server.url)
    assert (answer.status_code, answer.headers["location"]) == (307, "console/")


@pytest.mark.slow
@pytest.mark.parametrize("path", ["?key=sk_1", "/no-such", "/no-such/one", "/no-such/one/"])
def test_the_links_of_a_page_that_is_none_lead_to_the_console_too(client, path):
    answer = client.get(f"/console{path}")
    assert answer.is_error
    assert links(answer, "/console/try")
    assert client.get(links(answer, "pico")[0]).is_success
    assert links(answer, "docs") == ["/docs?"]


@pytest.mark.slow
def test_the_address_without_its_slash_leads_to_the_pages(client):
    answer = client.get("/console")
    assert (answer.status_code, answer.headers["location"]) == (307, "console/")


@pytest.mark.parametrize(("name", "source"), json.loads((STATIC / "sources.json").read_text()).items())
def test_what_others_made_is_as_they_made_it(name, source):
    assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == source["sha256"]
