"""What Octy's own clients send, byte for byte where it matters, and what they read of the answers."""

import base64
import threading
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime

import httpx
import pytest

from tests.api.conftest import live_segment

pytestmark = pytest.mark.slow


class OctyCli:
    """The requests of octy-cli: versioning before every command, bare base64 credentials, its cursor loop."""

    def __init__(self, server):
        public_key, secret_key = server.admin
        token = base64.b64encode(f"{public_key}:{secret_key}".encode()).decode()
        self._url = server.url
        self._headers = {"Authorization": token, "Content-Type": "application/json"}

    def command(self, method, path, *, cursor=None, **request):
        version = httpx.get(f"{self._url}/v1/admin/application/versioning", params={"app": "cli"})
        assert version.json()["current_version"]["version_name"] == "v2.0.1-beta"
        headers = self._headers | ({} if cursor is None else {"cursor": str(cursor)})
        return httpx.request(method, self._url + path, headers=headers, timeout=60, **request)

    def get_all(self, path, name, ids=None):
        """Octy's loop: as long as there is more than it has, ask from where it stands."""
        found, cursor = [], 0
        while True:
            params = {} if ids is None else {"ids": "," + ",".join(ids)}
            answer = self.command("GET", path, cursor=cursor, params=params)
            assert answer.status_code == 200, answer.text
            found += answer.json()[name]
            cursor += int(answer.headers["cursor"])
            if cursor >= answer.json()["request_meta"]["total"]:
                return found

    def upload(self, path, name, rows):
        """Chunks of 500, ten at a time."""
        chunks = [rows[first : first + 500] for first in range(0, len(rows), 500)]
        with ThreadPoolExecutor(10) as pool:
            return list(pool.map(lambda chunk: self.command("POST", path, json={name: chunk}), chunks))


@pytest.fixture
def cli(server):
    return OctyCli(server)


def test_auth(cli, server):
    assert cli.command("GET", "/v1/account/authenticate").json()["request_meta"]["request_status"] == "Success"
    for headers in (
        {},
        {"Authorization": "Basic nonsense"},
        {"Authorization": base64.b64encode(b"pk_1:sk_1").decode()},
    ):
        answer = httpx.get(f"{server.url}/v1/account/authenticate", headers=headers)
        body = answer.json()
        assert answer.status_code == body["error"]["code"] == 401
        assert body["request_meta"]["request_status"] == "Failed"
        assert body["error"]["errors"][0].keys() == {"error_message", "extended_help"}


def test_the_account_is_set_and_read(cli):
    fields = {
        "contact_name": "Ada",
        "contact_surname": "Lovelace",
        "contact_email_address": "ada@example.com",
        "webhook_url": "https://example.com/hook",
        "authenticated_id_key": "octy_authenticated_id",
    }
    assert cli.command("POST", "/v1/configurations/account/set", json=fields).json()["account_data"] == fields
    assert cli.command("GET", "/v1/configurations/account").json()["account_data"] == fields
    answer = cli.command("POST", "/v1/configurations/account/set", json={"webhook_url": "gopher://x"})
    assert answer.status_code == 400
    assert "webhook" in answer.json()["error"]["errors"][0]["error_message"].lower()


def test_segments_are_applied_read_and_deleted(cli):
    names = [f"octy cli {number}" for number in range(3)]
    types = [f"octy_cli_{number}" for number in range(3)]
    made = [
        cli.command(
            "POST",
            "/v1/retention/segments/create",
            json=live_segment(name, one) | {"profile_property_name": "", "profile_property_value": ""},
        )
        for name, one in zip(names, types, strict=True)
    ]
    assert [answer.status_code for answer in made] == [201] * 3
    ids = [answer.json()["segment_id"] for answer in made]
    assert all(one.startswith("segment_") for one in ids)
    found = cli.get_all("/v1/retention/segments", "segments", ids)
    assert [(one["segment_name"], one["segment_sub_type"], one["profile_count"]) for one in found] == [
        (name, 1, 0) for name in names
    ]
    assert found[0]["event_sequence"] == live_segment("", types[0])["event_sequence"]
    again = cli.command("POST", "/v1/retention/segments/create", json=live_segment(names[0], "other"))
    assert again.status_code == 400
    assert "V22" in again.json()["error"]["errors"][0]["error_message"]
    gone = cli.command("POST", "/v1/retention/segments/delete", json={"segments": [*ids, "segment_ffffffff"]}).json()
    assert gone["deleted_segments"] == [{"segment_id": one} for one in ids]
    assert [one["segment_id"] for one in gone["failed_to_delete"]] == ["segment_ffffffff"]


def test_every_broken_rule_is_told_at_once(cli):
    broken = live_segment("octy broken") | {"segment_sub_type": 9, "segment_timeframe": 3}
    answer = cli.command("POST", "/v1/retention/segments/create", json=broken)
    assert answer.status_code == 400
    texts = " ".join(one["error_message"] for one in answer.json()["error"]["errors"])
    assert "V3" in texts
    assert "V4" in texts


def test_event_types_are_created_read_and_deleted(cli):
    given = [{"event_type": "octy_seen", "event_properties": ["page"]}, {"event_type": "", "event_properties": []}]
    answer = cli.command("POST", "/v1/retention/events/types/create", json={"event_types": given}).json()
    (made,) = answer["event_types"]
    assert made["event_type_id"].startswith("custom_event_type_")
    assert len(answer["failed_to_create"]) == 1
    (found,) = cli.get_all("/v1/retention/events/types", "event_types", [made["event_type_id"]])
    assert (found["event_type"], found["event_properties"]) == ("octy_seen", ["page"])
    assert parsedate_to_datetime(found["created_at"]).tzinfo is not None
    body = {"event_type_ids": [made["event_type_id"], "custom_event_type_ffffffff"]}
    gone = cli.command("POST", "/v1/retention/events/types/delete", json=body).json()
    assert gone["deleted_event_types"] == [{"event_type_id": made["event_type_id"]}]
    assert gone["failed_to_delete"][0]["event_type_id"] == "custom_event_type_ffffffff"


def test_the_format_of_files_is_told_with_types_by_example(cli):
    profiles = cli.command("GET", "/v1/admin/application/resources/format", params={"type": "profiles"}).json()
    assert profiles["customer_id**0"] == "customer_1"
    assert profiles["has_charged**1"] is True
    assert all(value == "nested" for name, value in profiles.items() if ">>" in name)
    assert cli.command("GET", "/v1/admin/application/resources/format", params={"type": "x"}).status_code == 400


def test_creating_a_customer_again_gives_the_same_profile(cli, server):
    body = {"profiles": [{"customer_id": "octy-c1", "has_charged": False, "profile_data": {"likes": "tea"}}]}
    first = cli.command("POST", "/v1/retention/profiles/create", json=body).json()["profiles"][0]
    second = cli.command("POST", "/v1/retention/profiles/create", json=body).json()["profiles"][0]
    assert first["profile_id"] == second["profile_id"]
    update = {"profiles": [{"profile_id": first["profile_id"], "profile_data": {"plan": "gold", "likes": None}}]}
    changed = cli.command("POST", "/v1/retention/profiles/update", json=update).json()
    assert changed["profiles"][0]["last_updated"]

    def known():
        found = cli.command("GET", "/v1/retention/profiles", params={"id": "octy-c1"}).json()["profiles"]
        return [one for one in found if one["profile_data"] == {"plan": "gold"}]

    (found,) = server.until(known, "the profile has its new attributes")
    assert (found["profile_id"], found["customer_id"], found["has_charged"]) == (first["profile_id"], "octy-c1", False)


def test_events_give_tags_that_profiles_show_by_octys_times(cli, server):
    cli.command("POST", "/v1/retention/segments/create", json=live_segment("octy tagged", "octy_tagging"))
    one = {"event_type": "octy_tagging", "event_properties": {"a": 1}, "profile_id": "octy_p1"}
    made = cli.command("POST", "/v1/retention/events/create", json=one)
    assert made.status_code == 201
    assert made.json()["event_id"]
    many = [one | {"profile_id": "octy_p2", "created_at": "2026-11-27 08:00:00"}, one | {"profile_id": "\u0001"}]
    batch = cli.command("POST", "/v1/retention/events/create/batch", json={"events": many}).json()
    assert len(batch["created_events"]) == 1
    assert "control character" in batch["failed_to_create"][0]["error_message"]

    def tagged():
        params = {"segment_tag": "octy tagged"}
        return cli.command("GET", "/v1/retention/profiles", params=params).json()["profiles"]

    found = server.until(tagged, "the profile has its tag")
    tag = next(one for one in found[0]["segment_tags"] if one["segment_tag"] == "octy tagged")
    assert tag["created_at"].endswith(" GMT")


def test_who_says_the_same_authenticated_id_is_one_profile(cli, server):
    cli.command("POST", "/v1/configurations/account/set", json={"authenticated_id_key": "octy_authenticated_id"})
    cli.command("POST", "/v1/retention/segments/create", json=live_segment("octy merged", "octy_merging"))

    def create(customer_id, **data):
        body = {"profiles": [{"customer_id": customer_id, "has_charged": False, "profile_data": data}]}
        return cli.command("POST", "/v1/retention/profiles/create", json=body).json()["profiles"][0]["profile_id"]

    parent = create("octy-parent", octy_authenticated_id="ada@example.com")
    guest = create("octy-guest")
    event = {"event_type": "octy_merging", "event_properties": {}, "profile_id": guest}
    cli.command("POST", "/v1/retention/events/create", json=event)
    assert create("octy-guest", octy_authenticated_id="ada@example.com") == guest

    def merged():
        params = {"ids": f",{guest},{parent}"}
        metas = cli.command("GET", "/v1/retention/profiles/metadata", params=params).json()["profiles_meta"]
        return metas if all(one["merged_info"]["was_merged"] for one in metas) else None

    child, other = server.until(merged, "both sides know of it")
    assert child["merged_info"]["parent_or_child"] == "child"
    assert child["merged_info"]["parent_profile"]["parent_profile_id"] == parent
    assert child["merged_info"]["authenticated_id_value"] == "ada@example.com"
    assert other["merged_info"]["merged_child_profiles"] == [guest]
    # The tag of the guest is the parent's, and so is what the guest does from here on.
    (shown,) = cli.command("GET", "/v1/retention/profiles", params={"id": guest}).json()["profiles"]
    assert shown["profile_id"] == parent
    assert "octy merged" in [one["segment_tag"] for one in shown["segment_tags"]]


def test_the_cursor_goes_through_all_profiles(cli, server):
    rows = [{"customer_id": f"octy-many-{number}", "has_charged": True} for number in range(250)]
    answers = cli.upload("/v1/retention/profiles/create", "profiles", rows)
    ids = [one["profile_id"] for answer in answers for one in answer.json()["profiles"]]
    assert len(set(ids)) == 250

    path, name = "/v1/retention/profiles", "profiles"
    for first in range(0, len(ids), 50):
        some = ids[first : first + 50]
        server.until(lambda some=some: len(cli.get_all(path, name, some)) == len(some), "they are there")
    found = [one["profile_id"] for one in cli.get_all(path, name)]
    assert set(ids) <= set(found)
    assert len(found) == len(set(found))


@pytest.mark.parametrize("cursor", ["-1", "x", "1e9", "9" * 40])
def test_a_cursor_that_is_no_offset_is_refused(cli, cursor):
    assert cli.command("GET", "/v1/retention/profiles", cursor=cursor).status_code == 400


def test_what_octyseg_does_not_have_is_answered_in_octys_form(cli):
    answer = cli.command("GET", "/v1/retention/items")
    assert answer.status_code == 404
    assert answer.json()["error"]["errors"][0]["error_message"]


@pytest.mark.parametrize("count", [5_000, pytest.param(100_000, marks=pytest.mark.faults)])
def test_a_large_upload_ten_at_a_time(cli, server, count):
    rows = [
        {"event_type": "octy_upload", "event_properties": {"n": number}, "profile_id": f"octy_u{number % 997}"}
        for number in range(count)
    ]
    lock, created = threading.Lock(), set()
    for answer in cli.upload("/v1/retention/events/create/batch", "events", rows):
        assert answer.status_code == 201, answer.text
        with lock:
            created |= {one["event_id"] for one in answer.json()["created_events"]}
    assert len(created) == count
    done = server.octyseg("topics", "describe", "-o", "json")
    assert done.code == 0, done.err
