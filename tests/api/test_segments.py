"""Segments over /v2: created, changed from the version that was read, deleted, tried before, explained after."""

import uuid

import pytest

from tests.api.conftest import live_segment

pytestmark = pytest.mark.slow


def made(client, name, event_type=None, **more):
    answer = client.post("/v2/segments", json=live_segment(name, event_type, **more))
    assert answer.status_code == 201, answer.text
    return answer


def sent(client, profile_id, event_type, **properties):
    event = {"event_type": event_type, "event_properties": properties, "profile_id": profile_id}
    assert client.post("/v1/retention/events/create", json=event).status_code == 201


def is_member(client, name, profile_id):
    return client.get(f"/v2/segments/{name}/members/{profile_id}").json()["is_member"]


def test_a_segment_is_created_and_found_by_id_and_name(client):
    answer = made(client, "v2 created")
    body = answer.json()
    assert "V16" in body.pop("warnings")[0]
    assert answer.headers["Location"] == f"/v2/segments/{body['segment_id']}"
    assert answer.headers["ETag"] == f'"{body["segment_id"]}-v1"'
    for name in (body["segment_id"], "v2 created"):
        found = client.get(f"/v2/segments/{name}")
        assert found.json() == body
        assert found.headers["ETag"] == answer.headers["ETag"]
    assert body["segment_id"] in [one["segment_id"] for one in client.get("/v2/segments").json()]
    assert client.post("/v2/segments", json=live_segment("v2 created")).status_code == 400


def test_a_change_from_an_old_version_changes_nothing(client):
    first = made(client, "v2 changed")
    path = f"/v2/segments/{first.json()['segment_id']}"
    longer = live_segment("v2 changed", "v2_changed_otherwise")
    second = client.put(path, json=longer, headers={"If-Match": first.headers["ETag"]})
    assert second.status_code == 200, second.text
    assert second.json()["version"] == 2
    late = client.put(path, json=live_segment("v2 changed", "lost"), headers={"If-Match": first.headers["ETag"]})
    assert late.status_code == 412
    assert late.headers["ETag"] == second.headers["ETag"]
    assert late.headers["Content-Type"] == "application/problem+json"
    assert "read it again" in late.json()["detail"]
    assert client.get(path).json()["version"] == 2
    assert client.delete(path, headers={"If-Match": first.headers["ETag"]}).status_code == 412
    for tag in (second.headers["ETag"], "W/" + second.headers["ETag"], "*"):
        assert client.put(path, json=longer, headers={"If-Match": tag}).status_code == 200
    assert client.put(path, json=live_segment("another name")).status_code == 400


def test_a_deletion_is_followed_to_its_end(server, client):
    body = made(client, "v2 deleted").json()
    sent(client, "v2_deleted_p", "v2_deleted")
    server.until(lambda: is_member(client, "v2 deleted", "v2_deleted_p"), "it is a member")
    path = f"/v2/segments/{body['segment_id']}"
    assert client.get(path + "/deletion").status_code == 404
    assert client.delete(path).json()["segment_status"] == "pending_deletion"
    assert client.delete(path).status_code in {202, 404}
    done = server.until(
        lambda: (found := client.get(path + "/deletion").json())["status"] == "deleted" and found, "it is deleted"
    )
    assert done["partitions_swept"] == done["partitions"] == 4
    assert client.get("/v2/profiles/v2_deleted_p").json()["tags"] == []
    assert client.get(path).status_code == 404


def test_validation_tells_every_broken_rule_and_changes_nothing(client):
    broken = live_segment("v2 broken") | {"segment_sub_type": 9, "segment_timeframe": 3}
    found = client.post("/v2/segments/validate", json=broken).json()
    assert found["valid"] is False
    assert {"V3", "V4"} <= {word.strip(":") for text in found["problems"] for word in text.split()}
    good = client.post("/v2/segments/validate", json=live_segment("v2 never made", "never_made")).json()
    assert (good["valid"], good["problems"]) == (True, [])
    assert client.get("/v2/segments/v2 never made").status_code == 404


def test_a_preview_says_who_would_be_in(server, client):
    for number in range(3):
        sent(client, f"v2_preview_{number}", "v2_previewed")
    past = {
        "segment_name": "v2 previewed",
        "segment_type": "past",
        "segment_sub_type": 1,
        "segment_timeframe": 30,
        "event_sequence": [
            {"event_type": "v2_previewed", "exp_timeframe": 0, "action_inaction": "action", "event_properties": {}}
        ],
    }

    def found():
        (one,) = client.post("/v2/segments/preview", json=past).json()
        return one if one["members"] == 3 else None

    shown = server.until(found, "history has the events")
    assert sorted(shown["sample"]) == [f"v2_preview_{number}" for number in range(3)]


def test_a_profile_is_explained(server, client):
    made(client, "v2 explained")
    sent(client, "v2_explained_p", "v2_explained")
    server.until(lambda: is_member(client, "v2 explained", "v2_explained_p"), "it is a member")

    def told_at_last():
        found = client.get("/v2/segments/v2 explained/explain/v2_explained_p").json()
        return found if found["events_behind"] == 0 else None

    told = server.until(told_at_last, "nothing is to be applied")
    assert (told["member"], len(told["decided_by"])) == (True, 1)
    assert client.get("/v2/segments/v2 explained/explain/nobody").status_code == 404


def test_an_answer_is_given_again_under_the_same_key(client):
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = live_segment("v2 once")
    first = client.post("/v2/segments", json=body, headers=headers)
    second = client.post("/v2/segments", json=body, headers=headers)
    assert first.status_code == second.status_code == 201
    assert first.content == second.content
    assert "Idempotent-Replayed" not in first.headers
    assert second.headers["Idempotent-Replayed"] == "true"
    other = client.post("/v2/segments", json=live_segment("v2 other"), headers=headers)
    assert other.status_code == 422
    assert client.get("/v2/segments/v2 other").status_code == 404


def test_what_was_refused_is_refused_again_under_the_same_key(client):
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    broken = live_segment("v2 refused") | {"segment_sub_type": 9}
    answers = [client.post("/v2/segments", json=broken, headers=headers) for _ in range(2)]
    assert [one.status_code for one in answers] == [400, 400]
    assert answers[0].content == answers[1].content


@pytest.mark.parametrize("key", ["", "x" * 256])
def test_an_idempotency_key_has_a_length(client, key):
    answer = client.post("/v2/segments", json=live_segment("v2 keyless"), headers={"Idempotency-Key": key})
    assert answer.status_code == 400
    assert "1 to 255" in answer.json()["detail"]


def test_definitions_of_a_file_are_applied_and_compared(client):
    text = """
    kind: segments
    segmentDefinitions:
      - {segmentName: v2 filed, segmentType: live, segmentSubtype: 1, segmentTimeframe: 0,
         eventSequence: [{eventType: v2_filed, expTimeframe: 0, actionInaction: action}]}
    """

    def apply(text, **query):
        headers = {"Content-Type": "application/yaml"}
        return client.post("/v2/definitions", params=query, content=text, headers=headers)

    dry = apply(text, dry_run=True, source="mine.yaml").json()
    assert [one["name"] for one in dry["created"]] == ["v2 filed"]
    assert client.get("/v2/segments/v2 filed").status_code == 404
    assert apply(text).json()["created"][0]["id"].startswith("segment_")
    again = apply(text).json()
    assert [one["name"] for one in again["unchanged"]] == ["v2 filed"]
    wrong = apply("kind: [", source="mine.yaml").json()
    assert wrong["detail"].startswith("mine.yaml:1:")


def test_changes_of_a_profile_are_told_the_newest_first(server, client):
    for number in range(5):
        made(client, f"v2 line {number}")
    for number in range(5):
        sent(client, "v2_line_p", f"v2_line_{number}")

    def all_told():
        found = client.get("/v2/profiles/v2_line_p/changes").json()
        return found if len(found["items"]) == 5 else None

    told = server.until(all_told, "every change is told")
    assert [one["sequence"] for one in told["items"]] == [5, 4, 3, 2, 1]
    assert told["before"] is None
    pages, before = [], None
    while True:
        params = {"limit": 2} | ({} if before is None else {"before": before})
        found = client.get("/v2/profiles/v2_line_p/changes", params=params).json()
        pages += found["items"]
        before = found["before"]
        if before is None:
            break
    assert pages == told["items"]


def test_who_defines_and_then_sends_is_seen_however_fast(server, client):
    """No event that was sent after the answer about its segment is judged without it."""
    names = [f"v2 fast {number}" for number in range(20)]
    for name in names:
        made(client, name)
        sent(client, "v2_fast_p", name.replace(" ", "_"))
    for name in names:
        server.until(lambda name=name: is_member(client, name, "v2_fast_p"), f"{name} has its member")
    assert all(is_member(client, name, "v2_fast_p") for name in names)
