"""What segments would do, by an archive: members, a sample, and webhooks a day."""

import json

from octyseg.engine.rules import Rules
from octyseg.history.archive import Archive, admitted
from octyseg.history.rows import Row
from octyseg.hosting.preview import Past, preview
from octyseg.log.port import StoredRecord
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.placement import Place

DAY_MS = 24 * 60 * 60 * 1000
NOW_MS = 1_780_000_000_000
ANYWHERE = Place(0, 1)
SEGMENTS = b"""
kind: segments
segmentDefinitions:
  - {segmentName: Charged, segmentType: live, segmentSubtype: 1, eventSequence: [
      {eventType: charged, actionInaction: action}]}
  - {segmentName: Quietly charged, webhook: false, segmentType: live, segmentSubtype: 1, eventSequence: [
      {eventType: charged, eventProperties: {item_id: x}, actionInaction: action}]}
  - {segmentName: Worst, segmentType: past, segmentSubtype: 2, segmentTimeframe: 3, eventSequence: [
      {eventType: complaint, actionInaction: action}, {eventType: charged, actionInaction: inaction}]}
  - {segmentName: Complained twice, segmentType: dynamic, conditions: {
      all: [{performed: complaint, count: {atLeast: 2}, within: {days: 30}}]}}
  - {segmentName: Friends, segmentType: static}
"""


def archived(directory, *events):
    """(profile, type, days ago), in two partitions."""
    for partition in (0, 1):
        rows = []
        for place, (profile_id, event_type, days) in enumerate(events):
            at_ms = round(NOW_MS - days * DAY_MS)
            value = {
                "profile_id": profile_id,
                "event_type": event_type,
                "event_properties": {"total": 1.0, "item_id": "x"},
                "created_at": at_ms,
            }
            if (profile_id > "m") == partition:
                record = StoredRecord(place, at_ms, profile_id.encode(), json.dumps(value).encode())
                rows.append(admitted(record, ANYWHERE, 0))
        assert all(isinstance(row, Row) for row in rows)
        archive = Archive(directory, partition)
        archive.open()
        archive.write(rows, [], 0, len(events))


def test_each_kind_is_previewed(tmp_path):
    archived(
        tmp_path,
        ("ada", "complaint", 20),
        ("ada", "complaint", 6.5),
        ("eve", "complaint", 1.5),
        ("zoe", "complaint", 2.5),
        ("zoe", "charged", 0.5),
        ("ada", "charged", 9),
        ("eve", "charged", 8),
    )
    found = preview(
        read_definitions(SEGMENTS, "segments").segments, Past(tmp_path, NOW_MS, 7, "duckdb", Rules(forgets=False))
    )
    assert [(one.segment, one.segment_type, one.members, one.sample, one.webhooks_a_day) for one in found] == [
        ("Charged", "live", 1, ["zoe"], round(1 / 7, 2)),
        ("Quietly charged", "live", 1, ["zoe"], 0.0),
        # ada came and went, eve came, zoe came and went.
        ("Worst", "past", 1, ["eve"], round(5 / 7, 2)),
        ("Complained twice", "dynamic", 1, ["ada"], round(1 / 7, 2)),
    ]


def test_nothing_is_said_of_no_history(tmp_path):
    segments = read_definitions(SEGMENTS, "segments").segments
    found = preview(segments, Past(tmp_path / "none", NOW_MS, 7, "duckdb", Rules()))
    assert {(one.members, one.webhooks_a_day) for one in found} == {(0, 0.0)}
