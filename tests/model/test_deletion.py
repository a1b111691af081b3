"""Deleting: marked first and swept then, by name or id, twice without harm, never from under another segment."""

import pytest

from octyseg.model.definitions.deletion import swept
from tests.model.registries import Topic
from tests.model.written import DYNAMIC, LIVE_1, LIVE_2, both


@pytest.fixture
def topic():
    topic = Topic()
    topic.apply(both(LIVE_1, LIVE_2))
    return topic


def test_a_deleted_segment_is_pending_and_flagged_for_the_engine(topic):
    planned = topic.delete("Fresh complaint")
    assert [(one.name, one.id) for one in planned.deleted] == [("Fresh complaint", "segment_00000001")]
    assert topic.registry.segment("Fresh complaint").status == "pending_deletion"
    assert [(one.tag, one.deleted) for one in topic.registry.engine_segments()] == [
        ("Fresh complaint", True),
        ("Left without paying", False),
    ]
    assert [one.name for one in topic.registry.active()] == ["Left without paying"]


def test_a_segment_is_deleted_by_its_id_too(topic):
    assert topic.delete("segment_00000002").deleted[0].name == "Left without paying"


def test_deleting_twice_is_no_problem_and_changes_nothing(topic):
    topic.delete("Fresh complaint")
    again = topic.plan_delete("Fresh complaint", "segment_00000001")
    assert again.is_empty
    assert again.records() == []


def test_a_segment_named_twice_in_one_wish_is_deleted_once(topic):
    assert len(topic.plan_delete("Fresh complaint", "segment_00000001").records()) == 1


def test_a_name_that_does_not_exist_is_told_with_the_nearest_one(topic):
    assert topic.plan_delete("Fresh complain", "xyz").problems == (
        'there is no segment "Fresh complain": did you mean "Fresh complaint"?',
        'there is no segment "xyz": octyseg get segments lists them',
    )


def test_a_segment_that_another_one_asks_for_is_kept_until_that_one_goes_too(topic):
    dynamic = DYNAMIC[: DYNAMIC.index("    conditions")] + "    conditions: {segment: Fresh complaint}\n"
    topic.apply(dynamic)
    assert topic.plan_delete("Fresh complaint").problems == (
        '"Fresh complaint" is asked for by "Regulars": change or delete that one first',
    )
    assert topic.plan_delete("Fresh complaint", "Regulars").problems == ()


def test_after_the_sweep_the_name_is_free_and_the_id_is_not(topic):
    topic.delete("Fresh complaint")
    topic.records += swept(topic.registry, ["segment_00000001", "segment_00000002"], now_ms=9000)
    assert topic.registry.segment("Fresh complaint") is None
    assert topic.registry.segment("segment_00000001").status == "deleted"
    assert [one.tag for one in topic.registry.engine_segments()] == ["Left without paying"]
    assert topic.apply(LIVE_1).created[0].id == "segment_00000003"


def test_only_a_pending_deletion_can_end(topic):
    assert swept(topic.registry, ["segment_00000001"], now_ms=9000) == []
