"""The batch agent on a real broker: two workers share the slices, one is killed, nothing is lost or doubled."""

import pytest

from octyseg.stages.runs import read_ledger
from tests.kafka.test_commands import members, said, send

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

PEOPLE = 400
SEGMENTS = """
kind: segments
segmentDefinitions:
  - {segmentName: Worst, segmentType: past, segmentSubtype: 2, segmentTimeframe: 30, eventSequence: [
      {eventType: complaint, actionInaction: action}, {eventType: charged, actionInaction: inaction}]}
"""


def happened(profile_id, event_type):
    return said(profile_id, event_type=event_type, event_properties={})


async def test_slices_of_a_worker_that_is_killed_are_carried_out_by_others(quiet_fleet, tmp_path):
    fleet = quiet_fleet
    history = {
        "OCTYSEG_HISTORY__DIRECTORY": str(tmp_path / "history"),
        "OCTYSEG_HISTORY__WRITE_EVERY_S": "0.5",
        "OCTYSEG_SESSION_TIMEOUT_S": "6",
        "OCTYSEG_HEARTBEAT_S": "1",
    }
    people = [f"p{number}" for number in range(PEOPLE)]
    await send(fleet, "events", [happened(one, "complaint") for one in people])
    await send(fleet, "events", [happened(one, "charged") for one in people[::4]])
    fleet.start("live-0")
    for slot in ("past-0", "past-1"):
        fleet.start(slot, **history)
    await fleet.until(fleet.is_open, "every partition has an owner")
    (tmp_path / "own.yaml").write_text(SEGMENTS)
    applied = await fleet.octyseg("apply", "-f", str(tmp_path / "own.yaml"))
    assert applied.returncode == 0, applied.stderr

    async def runs():
        return (await read_ledger(fleet.log, fleet.topic("runs"))).runs()

    async def has_begun():
        return any(one.ordered for one in await runs())

    async def is_done():
        found = await runs()
        return bool(found) and all(one.ended_ms is not None for one in found)

    await fleet.until(has_begun, "the orders of the first run were given")
    fleet.kill("past-1")
    await fleet.until(is_done, "the run has ended")
    (run,) = await runs()
    assert (run.status, run.error, run.members) == ("ready", None, PEOPLE - PEOPLE // 4)

    async def are_members():
        return len(await members(fleet, "Worst")) == PEOPLE - PEOPLE // 4

    await fleet.until(are_members, "who was found is a member")
    assert await members(fleet, "Worst") == set(people) - set(people[::4])
    assert await fleet.stop("live-0", "past-0") == [0, 0]
