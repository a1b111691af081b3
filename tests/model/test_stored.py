"""Stored definitions: the topic gives back what was put there, in snake_case, and says how far a deletion is."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from octyseg.model.definitions.stored import StoredSegment, encoded
from tests.model.definitions_made import SEGMENTS
from tests.model.written import LIVE_2, only

INSTANTS = st.integers(0, 2**53)


def stored(definition, **changes):
    return StoredSegment(
        **{
            "segment_id": "segment_0a1b2c3d",
            "version": 1,
            "matching_since": 1,
            "created_at_ms": 1,
            "updated_at_ms": 1,
            "definition": definition,
        }
        | changes
    )


@settings(deadline=None)
@given(definition=SEGMENTS, created_at_ms=INSTANTS, deleted_at_ms=st.none() | INSTANTS)
def test_what_is_stored_is_read_back_the_same(definition, created_at_ms, deleted_at_ms):
    segment = stored(definition, created_at_ms=created_at_ms, deleted_at_ms=deleted_at_ms)
    again = StoredSegment.model_validate_json(encoded(segment))
    assert again == segment
    assert encoded(again) == encoded(segment)


def test_the_stored_form_is_snake_case_with_the_defaults_written_out():
    value = json.loads(encoded(stored(only(LIVE_2))))
    assert value["definition"]["segment_sub_type"] == 2
    assert value["definition"]["on_repeat"] == "ignore"
    assert value["definition"]["event_sequence"][0] == {
        "event_type": "complaint",
        "exp_timeframe": 5,
        "action_inaction": "action",
        "event_properties": {"channel": "phone"},
    }


def test_true_and_one_stay_apart_when_stored():
    definition = only(LIVE_2.replace("channel: phone", "channel: true"))
    assert '"channel":true' in encoded(stored(definition)).decode()


def test_the_status_says_how_far_a_deletion_is():
    definition = only(LIVE_2)
    assert stored(definition).status == "active"
    assert stored(definition, deleted_at_ms=5).status == "pending_deletion"
    assert stored(definition, deleted_at_ms=5, swept_at_ms=6).status == "deleted"


@pytest.mark.parametrize("change", [{"segment_id": "segment_1"}, {"version": 0}, {"extra": 1}, {"version": True}])
def test_a_stored_segment_holds_nothing_strange(change):
    with pytest.raises(ValidationError):
        stored(only(LIVE_2), **change)
