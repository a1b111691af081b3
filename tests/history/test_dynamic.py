"""Dynamic segments: history says of any instant who the members are, as the stream and the plain words do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.history.evaluate import Asked, asked_in, evaluate
from octyseg.history.source import of_lines
from octyseg.model.definitions.reading.loading import read_definitions
from tests.engine.histories import records
from tests.engine.rules import dynamic_segments
from tests.engine.story import GRACE_MS, RULES, TOPIC
from tests.history.test_past import NOW_MS, written
from tests.simulation.oracle_dynamic import members_as_of, readable
from tests.tries import tries

pytestmark = pytest.mark.slow


def refuse(number, refusal):
    raise AssertionError(f"line {number}: {refusal}")


def streamed(segments, records, as_of_ms):
    """Who carries the tags once everything up to the instant was done."""
    partition = Partition(Catalog(segments), RULES)
    partition.following.handovers.need_none()
    partition.feed(TOPIC, records)
    partition.tick(as_of_ms + GRACE_MS + 1)
    members = {segment.segment_id: [] for segment in segments}
    for profile_id in sorted(partition.shelf.ids()):
        for tag in partition.state_of(profile_id).tags:
            members[tag.segment_id].append(profile_id)
    return members


@given(dynamic_segments(), records(), st.sampled_from([0, 1, 20, 49, 50, 99, 100, 250]))
@tries(30)
def test_stream_and_history_and_the_plain_words_agree(segments, records, later_ms):
    known = [(record, at_ms) for record, _, at_ms in readable(records, RULES)]
    taken = [at_ms for _, at_ms in known]
    as_of_ms = max([*taken, records[-1].timestamp - GRACE_MS]) + later_ms
    history = of_lines([record.value for record, _ in known], as_of_ms, refuse)
    asked = [Asked(segment.segment_id, None, segment.rule) for segment in segments]
    told = evaluate(asked, history, as_of_ms)
    plain = members_as_of(segments, records, as_of_ms, RULES)
    assert told == {segment_id: sorted(found) for segment_id, found in plain.items()}
    assert told == streamed(segments, records, as_of_ms)


ABOUT_OTHERS = b"""
kind: segments
segmentDefinitions:
  - {segmentName: buyers, segmentType: dynamic, conditions: {performed: buy}}
  - {segmentName: also, segmentType: dynamic, conditions: {segment: buyers}}
  - {segmentName: not outside, segmentType: dynamic, conditions: {not: {not: {segment: buyers}}}}
"""


def test_who_is_in_a_segment_that_is_asked_for_is_somebody_without_a_record_of_his_own():
    asked = asked_in(read_definitions(ABOUT_OTHERS, "segments").segments)
    history = of_lines(written([("p", -5, "buy", {}, None), ("q", -5, "view", {}, None)], []), NOW_MS, refuse)
    assert evaluate(asked, history, NOW_MS) == {"buyers": ["p"], "also": ["p"], "not outside": ["p"]}
