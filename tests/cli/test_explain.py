"""`octyseg explain` over a log that the live stage worked on."""

import asyncio
import json

import pytest

from octyseg import settings
from octyseg.hosting.embedded import run_embedded
from octyseg.hosting.opening import open_log

SEGMENTS = """
kind: segments
segmentDefinitions:
  - segmentName: Left
    segmentType: live
    segmentSubtype: 2
    eventSequence:
      - {eventType: complaint, expTimeframe: 500000, actionInaction: action}
      - {eventType: charged, actionInaction: inaction}
  - segmentName: Buyer
    segmentType: dynamic
    conditions:
      all:
        - {performed: charged, count: {atLeast: 1}, within: {days: 3650}}
        - {attribute: plan, operator: eq, value: gold}
"""
RECORDS = [
    {"type": "profile", "profile_id": "ada", "profile_data": {"plan": "gold"}},
    {"profile_id": "ada", "event_type": "charged", "event_properties": {}, "event_id": "e1"},
    {"profile_id": "ada", "event_type": "complaint", "event_properties": {}, "event_id": "e2"},
]


@pytest.fixture
def worked(octyseg, tmp_path):
    (tmp_path / "own.yaml").write_text(SEGMENTS)
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(one) + "\n" for one in RECORDS))
    assert octyseg("apply", "-f", tmp_path / "own.yaml").code == 0
    assert octyseg("produce", tmp_path / "events.jsonl").code == 0
    asyncio.run(asyncio.wait_for(work(), 20))


async def work(count=3):
    """Run the live stage until it has committed all there is."""
    loaded, stop = settings.load(), asyncio.Event()
    running = asyncio.create_task(run_embedded(loaded, ["live"], stop))
    async with open_log(loaded) as log:
        events = loaded.topic("events")
        while (await log.committed(f"{loaded.namespace}live", events, [0]))[0] != count:
            await asyncio.sleep(0.01)
            assert not running.done()
    stop.set()
    await running


def test_conditions_are_shown_with_what_was_found(octyseg, worked):
    code, out, err = octyseg("explain", "ada", "Buyer", "-o", "json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert (found["member"], found["says"], found["segment_type"]) == (True, True, "dynamic")
    assert [leaf["holds"] for leaf in found["conditions"]] == [True, True]
    assert found["conditions"][0]["decided_by"][0]["offset"] == 1
    assert found["since"].endswith("Z")
    assert found["next"][0]["at"] is not None
    table = octyseg("explain", "ada", "Buyer").out
    assert "charged at least once within 3650 days" in table
    assert 'plan eq "gold"' in table


def test_an_open_sequence_is_shown_with_its_deadline(octyseg, worked):
    found = json.loads(octyseg("explain", "ada", "Left", "-o", "json").out)
    assert (found["member"], found["since"]) == (False, None)
    (sequence,) = found["sequences"]
    assert (sequence["awaits"], sequence["events"]) == ("no charged", ["e2"])
    assert sequence["deadline"].endswith("Z")
    assert "1 of 2" in octyseg("explain", "ada", "Left").out


def test_an_unknown_segment_or_profile_is_said(octyseg, worked):
    code, _, err = octyseg("explain", "ada", "Byer")
    assert (code, err) == (1, 'octyseg: there is no segment "Byer": `octyseg get segments` lists them\n')
    code, _, err = octyseg("explain", "eve", "Buyer")
    assert code == 1
    assert err.startswith("octyseg: nothing is known of profile eve")


def test_a_merged_profile_says_where_it_went(octyseg, worked, tmp_path):
    merge = {"type": "merge", "profile_id": "ada", "into": "bob"}
    (tmp_path / "events.jsonl").write_text(json.dumps(merge) + "\n")
    assert octyseg("produce", tmp_path / "events.jsonl").code == 0
    asyncio.run(asyncio.wait_for(work(len(RECORDS) + 1), 20))
    code, _, err = octyseg("explain", "ada", "Buyer")
    assert (code, err) == (1, "octyseg: profile ada was merged into bob: ask about that one\n")


def test_who_is_behind_is_told(octyseg, worked, tmp_path):
    assert octyseg("produce", tmp_path / "events.jsonl").code == 0
    code, _, err = octyseg("explain", "ada", "Buyer")
    assert code == 0
    assert "3 events of this partition are not applied yet" in err
