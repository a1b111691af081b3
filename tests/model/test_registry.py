"""The registry is the fold of the topic: the newest record of a key counts, and a bad one harms nothing."""

import pytest

from octyseg.model.definitions.registry import Registry
from tests.model.registries import Topic
from tests.model.written import LIVE_1, LIVE_2, both, changed


@pytest.fixture
def topic():
    topic = Topic()
    topic.apply(both(LIVE_1, LIVE_2))
    topic.apply(changed(LIVE_1, ("eventType: complaint", "eventType: churned")))
    return topic


def test_folding_at_once_and_in_pieces_comes_to_the_same(topic):
    pieces = Registry()
    for record in topic.records:
        pieces = pieces.after([record])
    assert pieces == topic.registry


def test_a_compacted_topic_gives_the_same_registry(topic):
    newest = dict(topic.records)
    assert Registry.fold(newest.items()) == topic.registry


def test_going_on_leaves_the_earlier_registry_as_it_was(topic):
    before = topic.registry
    before.after([(b"segments/segment_00000001", None)])
    assert before.segment("segment_00000001") is not None


def test_a_segment_is_found_by_its_name_and_by_its_id(topic):
    registry = topic.registry
    assert registry.segment("Fresh complaint") is registry.segment("segment_00000001")
    assert registry.segment("Fresh complaint").version == 2
    assert registry.segment("nobody") is None


def test_segments_come_oldest_first(topic):
    assert [segment.segment_id for segment in topic.registry.segments()] == ["segment_00000001", "segment_00000002"]


def test_a_tombstone_takes_a_key_away(topic):
    topic.records.append((b"segments/segment_00000001", None))
    assert [segment.name for segment in topic.registry.segments()] == ["Left without paying"]


BAD = {
    "no key": (None, b"{}", "'' is skipped: unknown kind"),
    "unknown kind": (b"pushEndpoints/a", b"{}", "'pushEndpoints/a' is skipped: unknown kind, upgrade octyseg"),
    "no json": (b"segments/segment_00000001", b"{", "is skipped: value: invalid json"),
    "not utf-8": (b"segments/segment_00000001", b"\xff", "is skipped: value: invalid json"),
    "a field of a newer octyseg": (
        b"account/default",
        b'{"updated_at_ms":1,"definition":{},"x":1}',
        "is skipped: x: extra inputs are not permitted; upgrade octyseg",
    ),
    "another key": (b"account/other", b'{"updated_at_ms":1,"definition":{}}', "belongs under another key"),
    "a missing field": (
        b"eventTypes/page",
        b'{"updated_at_ms":1}',
        "is skipped: created_at_ms: field required; apply it again",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_record_leaves_a_problem_and_everything_else_as_it_was(topic, name):
    key, value, told = BAD[name]
    before = topic.registry
    after = before.after([(key, value)])
    assert after.stored == before.stored
    (problem,) = after.problems
    assert told in problem


def test_the_catalog_of_the_engine_has_the_ids_and_versions_of_the_registry(topic):
    assert [(one.segment_id, one.version, one.tag) for one in topic.registry.engine_segments()] == [
        ("segment_00000001", 2, "Fresh complaint"),
        ("segment_00000002", 1, "Left without paying"),
    ]


def test_nothing_is_defined_in_an_empty_registry():
    empty = Registry()
    assert (empty.segments(), empty.event_types(), empty.account(), empty.engine_segments()) == ((), (), None, ())
