"""Every management verb over HTTP: it says what it says beside the log, and fails as one line."""

import json

import pytest

pytestmark = pytest.mark.slow

DEFINITIONS = """
kind: segments
segmentDefinitions:
  - segmentName: Verb buyer
    segmentType: live
    segmentSubtype: 1
    segmentTimeframe: 0
    eventSequence: [{eventType: verb_bought, expTimeframe: 0, actionInaction: action}]
  - segmentName: Verb list
    segmentType: static
  - segmentName: Verb past
    segmentType: past
    segmentSubtype: 1
    segmentTimeframe: 30
    eventSequence: [{eventType: verb_bought, expTimeframe: 0, actionInaction: action}]
"""


@pytest.fixture
def applied(server, client, tmp_path):
    """The definitions in force, and their file. Nothing is under way: two questions have one answer."""
    file = tmp_path / "verbs.yaml"
    file.write_text(DEFINITIONS)
    done = server.octyseg("apply", "-f", file, api=True)
    assert done.code == 0, done.err
    server.until(lambda: all(one["ended_at"] for one in client.get("/v2/runs").json()), "runs have ended")
    return file


def same_both_ways(server, *words):
    """The verb's answer over HTTP, which is the one beside the log."""
    over_http, here = (server.octyseg(*words, "-o", "json", api=api) for api in (True, False))
    assert (over_http.code, here.code) == (0, 0), over_http.err + here.err
    assert json.loads(over_http.out) == json.loads(here.out)
    return json.loads(over_http.out)


def test_definitions_are_applied_compared_read_and_deleted(server, applied, client):
    assert server.octyseg("diff", "-f", applied, api=True).code == 0
    applied.write_text(DEFINITIONS.replace("verb_bought", "verb_paid", 1))
    changed = server.octyseg("diff", "-f", applied, api=True)
    assert changed.code == 1
    assert "Verb buyer" in changed.out
    names = {one["segment_name"] for one in same_both_ways(server, "get", "segments")}
    assert {"Verb buyer", "Verb list", "Verb past"} <= names
    same_both_ways(server, "get", "event-types")
    same_both_ways(server, "get", "runs")
    gone = server.octyseg("delete", "segment", "Verb list", api=True)
    assert gone.code == 0, gone.err
    server.until(
        lambda: "Verb list" not in {one["segment_name"] for one in client.get("/v2/segments").json()}, "it is deleted"
    )


def test_files_go_up_and_members_come_down(server, applied, client, tmp_path):
    csv = tmp_path / "profiles.csv"
    csv.write_text("customer_id,has_charged,profile_data>>plan\nverb-1,true,gold\nverb-2,perhaps,gold\nverb-3,false,\n")
    done = server.octyseg("upload", "profiles", csv, api=True)
    assert done.code == 1
    assert "2 of 3 rows accepted" in done.out
    assert "line 3 (verb-2)" in done.err
    (first,) = server.until(lambda: client.get("/v2/profiles?q=verb-1").json()["items"], "the profile is known")

    events = tmp_path / "events.csv"
    events.write_text(
        f"event_type,profile_id,event_properties>>price\nverb_bought,{first['profile_id']},12.5\nverb_bought,,1\n"
    )
    done = server.octyseg("upload", "events", events, "-o", "json", api=True)
    report = json.loads(done.out)
    assert (done.code, report["accepted"], [one["line"] for one in report["problems"]]) == (1, 1, [3])

    members = tmp_path / "members.csv"
    members.write_text("customer_id\nverb-1\nverb-3\nverb-nobody\n")
    done = server.octyseg("upload", "members", members, "--segment", "Verb list", api=True)
    assert "2 of 3 rows accepted" in done.out
    assert "line 4 (verb-nobody)" in done.err
    tags = {"Verb buyer", "Verb list"}
    server.until(
        lambda: tags <= {tag["segment_tag"] for tag in client.get("/v2/profiles/verb-1").json()["tags"]}, "both tags"
    )
    server.until(lambda: client.get("/v2/segments/Verb list/count").json()["count"] == 2, "both are members")
    found = same_both_ways(server, "search", "verb-1")
    assert [one["customer_id"] for one in found] == ["verb-1"]
    same_both_ways(server, "search", "--segment", "Verb list")
    same_both_ways(server, "get", "profile", "verb-1")
    told = json.loads(server.octyseg("explain", first["profile_id"], "Verb buyer", "-o", "json", api=True).out)
    assert told["member"] is True
    over_http, here = (server.octyseg("export", "Verb list", "--format", "jsonl", api=api).out for api in (True, False))
    assert over_http == here
    assert {json.loads(line)["customer_id"] for line in over_http.splitlines()} == {"verb-1", "verb-3"}


def test_a_run_is_waited_for(server, applied):
    done = server.octyseg("run", "Verb past", "--wait", "-o", "json", api=True)
    assert done.code == 0, done.err
    assert json.loads(done.out)["status"] == "ready"


def test_an_erasure_is_waited_for(server, client, tmp_path):
    csv = tmp_path / "profiles.csv"
    csv.write_text("profile_id,has_charged\nverb-erased,true\n")
    assert server.octyseg("upload", "profiles", csv, api=True).code == 0
    server.until(lambda: client.get("/v2/profiles/verb-erased").status_code == 200, "it is there")
    done = server.octyseg("erase", "verb-erased", "--wait", "-o", "json", api=True)
    assert json.loads(done.out)["status"] == "done", done.err
    assert client.get("/v2/profiles/verb-erased").status_code == 404


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("get", "profile", "verb-nobody"), 1, "there is no profile"),
        (("explain", "verb-nobody", "No such segment"), 1, "there is no segment"),
        (("delete", "segment", "No such segment"), 1, "there is no segment"),
        (("upload", "members", "/nowhere.csv", "--segment", "x"), 2, "cannot read /nowhere.csv"),
    ],
)
def test_what_is_not_there_is_one_line(server, words, code, said):
    done = server.octyseg(*words, api=True)
    assert (done.code, len(done.err.strip().splitlines())) == (code, 1), done.err
    assert said in done.err


def test_an_api_that_is_not_there_and_a_key_that_is_wrong_are_one_line(server):
    away = server.octyseg("get", "segments", "--api", "http://127.0.0.1:9")
    assert (away.code, len(away.err.strip().splitlines())) == (1, 1), away.err
    assert "does not answer" in away.err
    stranger = {"OCTYSEG_SECRET_KEY": "sk_wrong"}
    wrong = server.octyseg("get", "segments", api=True, **stranger)
    assert (wrong.code, len(wrong.err.strip().splitlines())) == (2, 1), wrong.err
    assert "OCTYSEG_SECRET_KEY" in wrong.err
