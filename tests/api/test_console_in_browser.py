"""The console in a real browser: what moves by itself, and whether everybody can use it."""

import os
import re
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

from tests.api.conftest import DEADLINE_S, live_segment
from tests.missing import leave_out

pytestmark = pytest.mark.slow

# Where .ci/run puts what it takes out of Debian's packages: a browser, and libraries that it needs.
UNPACKED = Path(__file__).parents[2] / "build" / "chromium" / "usr" / "lib"
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


def chromium():
    """The program, and the environment it needs."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is not None:
        return program, dict(os.environ)
    program = UNPACKED / "chromium" / "chromium-headless-shell"
    if not program.exists():
        leave_out("no Chromium on this machine (Debian: chromium-headless-shell): THE CONSOLE WAS NOT LOOKED AT")
    libraries = UNPACKED / "x86_64-linux-gnu"
    return program, os.environ | {"LD_LIBRARY_PATH": f"{libraries}:{libraries / 'pulseaudio'}"}


@pytest.fixture(scope="module")
def browser():
    program, env = chromium()
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, env=env, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def tab(browser, server):
    """A page of a reader. It may ask no other server, and its console stays empty."""
    public, secret = server.admin
    context = browser.new_context(base_url=server.url, http_credentials={"username": public, "password": secret})
    context.set_default_timeout(DEADLINE_S * 1000)
    expect.set_options(timeout=DEADLINE_S * 1000)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    yield page
    assert asked
    assert all(url.startswith(server.url) for url in asked)
    assert not complaints
    context.close()


@pytest.fixture(scope="module")
def buyer(server, client):
    assert client.post("/v2/segments", json=live_segment("Seen buyer", "seen_bought")).status_code == 201
    assert client.post("/v1/track", json={"userId": "seen-1", "event": "seen_bought"}).json()["success"]
    server.until(lambda: client.get("/v2/profiles/seen-1").is_success, "the profile is a member")
    return "seen-1"


def test_a_member_is_found_and_explained_in_place(tab, buyer):
    tab.goto("/")
    tab.get_by_role("link", name="Profiles").click()
    tab.get_by_role("searchbox").fill("seen-")
    tab.get_by_role("button", name="Find").click()
    tab.get_by_role("link", name=buyer, exact=True).click()
    tab.get_by_label("Segment", exact=True).select_option("Seen buyer")
    tab.get_by_role("button", name="Explain").click()
    expect(tab.locator("#answer")).to_contain_text("is in Seen buyer since")
    expect(tab.get_by_role("heading", level=1)).to_have_text(buyer)


def test_segments_and_members_appear_without_reloading(tab, client, server):
    tab.goto("/console/")
    expect(tab.get_by_role("heading", level=1)).to_have_text("Segments")
    assert client.post("/v2/segments", json=live_segment("Came later", "came_later")).status_code == 201
    row = tab.get_by_role("row", name="Came later")
    expect(row).to_be_visible()
    # It goes on asking.
    assert client.post("/v1/track", json={"userId": "late-1", "event": "came_later"}).json()["success"]
    expect(row.get_by_role("cell").nth(3)).to_have_text("1")


def test_a_definition_is_tried_before_anybody_applies_it(tab, buyer):
    tab.goto("/console/segment?name=Seen+buyer")
    tab.get_by_role("link", name="Try a change").click()
    text = tab.get_by_role("textbox")
    expect(text).to_have_value(re.compile(r'"event_type": "seen_bought"'))
    tab.get_by_role("button", name="Check the rules").click()
    expect(tab.locator("#answer")).to_contain_text("Every rule is kept.")
    written = text.input_value()
    text.fill(written.replace('"live"', '"alive"'))
    tab.get_by_role("button", name="Check the rules").click()
    expect(tab.locator("#answer")).to_contain_text("request:3:")
    text.fill(written.replace("Seen buyer", "Seen buyer too").replace("seen_bought", "seen_looked"))
    tab.get_by_role("button", name="Preview the members").click()
    expect(tab.get_by_role("row", name="Seen buyer too")).to_contain_text("live")


@pytest.mark.parametrize(
    "path",
    [
        "/console/",
        "/console/try",
        "/console/segment?name=Seen+buyer",
        "/console/profiles",
        "/console/profile?id=seen-1",
        "/console/explain?profile=seen-1&segment=Seen+buyer",
        "/console/webhooks",
        "/console/dead-letters",
        "/console/lag",
    ],
)
def test_everybody_can_use_it(tab, buyer, path):
    tab.goto(path)
    found = Axe().run(tab).response
    assert found["passes"]
    assert [(one["id"], one["help"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
