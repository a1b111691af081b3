"""Commands, dynamic segments and merges on a real broker, with a worker that is killed in the middle of them."""

import json

import pytest

from octyseg.log.port import NewRecord
from octyseg.model.command import Membership, encode, key_of
from octyseg.model.placement import partition_of
from octyseg.stages.fold import fold

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PEOPLE = 300
SEGMENTS = """
kind: segments
segmentDefinitions:
  - {segmentName: Guests, segmentType: static}
  - segmentName: Three complaints
    segmentType: dynamic
    conditions: {performed: complaint, count: {exactly: 3}}
"""


async def send(fleet, topic, keyed):
    """Records, each to the partition of its profile, in order."""
    by_partition = {}
    for profile_id, value in keyed:
        number = partition_of(profile_id, len(fleet.numbers))
        by_partition.setdefault(number, []).append(NewRecord(profile_id.encode(), value))
    for number, records in by_partition.items():
        await fleet.log.append(fleet.topic(topic), number, records)


def said(profile_id, **fields):
    return profile_id, json.dumps({"profile_id": profile_id, **fields}).encode()


def complaint(profile_id):
    return said(profile_id, event_type="complaint", event_properties={})


async def members(fleet, tag):
    found = set()
    for number in fleet.numbers:
        folded = await fold(fleet.log, fleet.settings.namespace, number)
        for profile_id in folded.states:
            if any(one.segment_tag == tag for one in folded.state(profile_id).tags):
                found.add(profile_id)
    return found


async def test_what_is_asked_and_merged_while_a_worker_is_killed_is_done_once(quiet_fleet, tmp_path):
    fleet = quiet_fleet
    (tmp_path / "own.yaml").write_text(SEGMENTS)
    applied = await fleet.octyseg("apply", "-f", str(tmp_path / "own.yaml"))
    assert applied.returncode == 0, applied.stderr
    guests = next(one for one in await fleet.segments() if one.tag == "Guests")
    for slot in ("live-0", "live-1"):
        fleet.start(slot)
    await fleet.until(fleet.is_open, "every partition has an owner")
    for number in range(PEOPLE):
        child, parent, guest = f"child_{number}", f"parent_{number}", f"guest_{number}"
        join = Membership(guest, guests.segment_id, 1, True, "imported", 1, "upload")
        await send(fleet, "commands", [(key_of(join).decode(), encode(join))])
        merge = said(child, type="merge", into=parent)
        await send(fleet, "events", [complaint(child), complaint(parent), merge, complaint(child)])
        if number == PEOPLE // 2:
            fleet.kill("live-0")
            fleet.start("live-0")

    async def is_done():
        parents = await members(fleet, "Three complaints")
        return len(await members(fleet, "Guests")) == len(parents) == PEOPLE

    await fleet.until(is_done, "all guests are on the list and all parents have three complaints")
    assert await members(fleet, "Three complaints") == {f"parent_{number}" for number in range(PEOPLE)}
    assert await fleet.stop("live-0", "live-1") == [0, 0]
