"""Which runs are due: at creation, at an edit, and at every instant of the schedule."""

from datetime import UTC, datetime

import pytest

from octyseg.model.ledger import Ledger
from octyseg.model.run import Report
from octyseg.stages.scheduling import due, last_instant_ms
from tests.model.registries import Topic

HOURLY = "0 * * * *"
SEGMENTS = """
kind: segments
segmentDefinitions:
  - {{segmentName: Past, segmentType: past, segmentSubtype: 1, segmentTimeframe: {days}, eventSequence: [
      {{eventType: complaint, actionInaction: action}}]}}
  - {{segmentName: Live, segmentType: live, segmentSubtype: 1, eventSequence: [
      {{eventType: complaint, actionInaction: action}}]}}
"""


def ms(text):
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def topic_with(days=30):
    topic = Topic()
    topic.apply(SEGMENTS.format(days=days))
    return topic


def carried_out(ledger, demand, at_ms, became="done"):
    ledger.take(demand, at_ms)
    ledger.take(Report(demand.run_id, 0, became), at_ms)


@pytest.mark.parametrize(
    ("schedule", "now", "expected"),
    [
        (HOURLY, "2026-11-27T10:59:59", "2026-11-27T10:00:00"),
        (HOURLY, "2026-11-27T11:00:00", "2026-11-27T11:00:00"),
        ("30 2 * * *", "2026-03-29T02:29:00", "2026-03-28T02:30:00"),
        ("0 0 29 2 *", "2027-01-01T00:00:00", "2024-02-29T00:00:00"),
        ("0 0 31 * *", "2026-05-01T00:00:00", "2026-03-31T00:00:00"),
    ],
)
def test_the_newest_instant_of_a_schedule(schedule, now, expected):
    assert last_instant_ms(schedule, ms(now)) == ms(expected)


def test_a_past_segment_runs_at_its_creation_and_then_at_every_instant():
    registry, ledger = topic_with().registry, Ledger(1)
    (first,) = due(registry, ledger, HOURLY, ms("2026-11-27T10:10:00"))
    assert (first.trigger, registry.segment(first.segment_id).definition.segment_name) == ("created", "Past")
    assert list(due(registry, ledger, HOURLY, ms("2026-11-27T10:10:00"))) == [first], "who asks twice asks for one run"
    carried_out(ledger, first, ms("2026-11-27T10:10:01"))
    assert list(due(registry, ledger, HOURLY, ms("2026-11-27T10:59:59"))) == []
    (second,) = due(registry, ledger, HOURLY, ms("2026-11-27T11:00:00"))
    assert second.trigger == "scheduled"
    ledger.take(second, ms("2026-11-27T11:00:01"))
    assert list(due(registry, ledger, HOURLY, ms("2026-11-27T13:00:00"))) == [], "a run that is building is enough"


def test_an_edit_of_what_it_matches_runs_at_once():
    topic, ledger = topic_with(), Ledger(1)
    (first,) = due(topic.registry, ledger, HOURLY, ms("2026-11-27T10:10:00"))
    carried_out(ledger, first, ms("2026-11-27T10:10:01"))
    topic.apply(SEGMENTS.format(days=60))
    (second,) = due(topic.registry, ledger, HOURLY, ms("2026-11-27T10:20:00"))
    assert (second.trigger, second.version) == ("edited", 2)


def test_a_run_that_failed_comes_again_at_the_next_instant():
    registry, ledger = topic_with().registry, Ledger(1)
    (first,) = due(registry, ledger, HOURLY, ms("2026-11-27T10:10:00"))
    carried_out(ledger, first, ms("2026-11-27T10:10:01"), "failed")
    assert list(due(registry, ledger, HOURLY, ms("2026-11-27T10:20:00"))) == []
    assert [one.trigger for one in due(registry, ledger, HOURLY, ms("2026-11-27T11:00:00"))] == ["scheduled"]
