"""Applying a file: declarative for what is in it, silent about the rest, refused as a whole or done as a whole."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octyseg.model.definitions.contents import Definitions
from octyseg.model.definitions.meaning import meaning
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.registry import Registry
from tests.model.definitions_made import SEGMENTS
from tests.model.registries import Topic
from tests.model.written import DYNAMIC, LIVE_1, LIVE_2, LIVE_3, both, changed, read

TYPES = "kind: eventTypes\neventTypeDefinitions:\n  - {eventType: page, eventProperties: [url, title]}\n"
ACCOUNT = "kind: accountConfigurations\nconfigurations:\n  contactName: Ada\n  webhookURL: https://shop.example/a\n"


@pytest.fixture
def topic():
    return Topic()


def names(planned):
    return [one.name for one in planned]


def test_new_definitions_are_created_and_then_there(topic):
    planned = topic.apply(f"{both(LIVE_1, LIVE_2)}---\n{TYPES}---\n{ACCOUNT}")
    assert [(one.kind, one.name) for one in planned.created] == [
        ("event type", "page"),
        ("segment", "Fresh complaint"),
        ("segment", "Left without paying"),
        ("account", "default"),
    ]
    assert [segment.name for segment in topic.registry.active()] == ["Fresh complaint", "Left without paying"]
    assert topic.registry.event_type("page").definition.event_properties == ("url", "title")
    assert topic.registry.account().webhook_url == "https://shop.example/a"


def test_applying_twice_changes_nothing(topic):
    text = f"{LIVE_1}---\n{TYPES}---\n{ACCOUNT}"
    topic.apply(text)
    again = topic.plan(text)
    assert again.is_empty
    assert again.records() == []
    assert sorted(names(again.unchanged)) == ["Fresh complaint", "default", "page"]


@settings(deadline=None)
@given(definitions=st.lists(SEGMENTS, max_size=4, unique_by=(lambda one: one.segment_name, meaning)))
def test_whatever_is_applied_is_unchanged_when_it_is_applied_again(definitions):
    topic = Topic()
    desired = Definitions(source="made.yaml", segments=tuple(definitions))
    first = topic.plan_for(desired)
    topic.records += first.records()
    assert len(first.created) == len(definitions)
    assert topic.plan_for(desired).is_empty
    assert {one.definition.model_dump_json() for one in topic.registry.active()} == {
        one.model_dump_json() for one in definitions
    }


def test_writing_a_definition_otherwise_is_no_change(topic):
    topic.apply(LIVE_1)
    assert topic.plan(changed(LIVE_1, ("    segmentTimeframe: 0\n", "    onRepeat: ignore\n"))).is_empty


def test_a_change_is_told_field_by_field_and_makes_a_new_version(topic):
    topic.apply(LIVE_2)
    planned = topic.apply(changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 10"), ("channel: phone", "channel: mail")))
    (change,) = planned.changed
    assert change.fields == (
        ("event_sequence[0].exp_timeframe", 5, 10),
        ("event_sequence[0].event_properties.channel", "phone", "mail"),
    )
    (segment,) = topic.registry.active()
    assert (segment.version, segment.matching_since) == (2, 2)
    assert segment.created_at_ms < segment.updated_at_ms


def test_an_event_that_comes_or_goes_is_told_as_a_whole(topic):
    topic.apply(LIVE_3)
    step = "      - {eventType: churned, actionInaction: action}\n"
    planned = topic.plan(changed(LIVE_3, ("charged\n", "charged\n        expTimeframe: 5\n")) + step)
    field, old, new = planned.changed[0].fields[-1]
    assert (field, old, new["event_type"]) == ("event_sequence[2]", None, "churned")


@pytest.mark.parametrize("change", ["    webhook: false\n", "    description: new\n", "    cooldownMinutes: 5\n"])
def test_an_edit_that_keeps_the_matching_keeps_what_was_earned(topic, change):
    topic.apply(LIVE_2)
    topic.apply(LIVE_2 + change)
    (segment,) = topic.registry.active()
    assert (segment.version, segment.matching_since) == (2, 1)


def test_matching_since_stays_at_the_last_version_that_changed_the_matching(topic):
    other = changed(LIVE_2, ("expTimeframe: 5", "expTimeframe: 10"))
    for text in (LIVE_2, other, other + "    webhook: false\n", other + "    notify: on_enter\n"):
        topic.apply(text)
    (segment,) = topic.registry.active()
    assert (segment.version, segment.matching_since) == (4, 2)


def test_true_instead_of_one_is_a_change(topic):
    topic.apply(changed(LIVE_2, ("channel: phone", "channel: 1")))
    (change,) = topic.plan(changed(LIVE_2, ("channel: phone", "channel: true"))).changed
    assert change.fields == (("event_sequence[0].event_properties.channel", 1, True),)


def test_definitions_that_are_not_in_the_file_are_left_alone(topic):
    topic.apply(LIVE_1)
    assert names(topic.apply(LIVE_2).created) == ["Left without paying"]
    assert len(topic.registry.active()) == 2


def test_a_definition_that_means_the_same_as_an_existing_one_is_refused_and_names_it(topic):
    topic.apply(LIVE_1)
    planned = topic.plan(changed(LIVE_1, ("Fresh complaint", "Complaint")))
    (line,) = planned.problems
    assert line.startswith('segments.yaml:3:5: Complaint: V23: it means the same as "Fresh complaint": change its')


def test_what_the_same_file_changes_no_longer_means_the_same(topic):
    topic.apply(LIVE_1)
    moved = changed(LIVE_1, ("eventType: complaint", "eventType: churned"))
    assert topic.plan(both(moved, changed(LIVE_1, ("Fresh complaint", "Complaint")))).problems == ()


def test_a_name_whose_deletion_is_pending_is_refused_until_its_tags_are_gone(topic):
    topic.apply(LIVE_1)
    topic.delete("Fresh complaint")
    assert topic.plan(LIVE_1).problems == (
        (
            "segments.yaml:3:5: Fresh complaint: V22: the segment of this name is being deleted: apply again once its "
            "tags are gone, or use another name"
        ),
    )


def test_a_create_request_for_a_name_that_exists_is_refused(topic):
    topic.apply(LIVE_1)
    (line,) = topic.plan(changed(LIVE_1, ("eventType: complaint", "eventType: churned")), create_only=True).problems
    assert line == "segments.yaml:3:5: Fresh complaint: V22: segment_00000001 has this name already: use another name"


def test_a_segment_whose_name_looks_like_an_id_is_not_taken_for_that_id(topic):
    topic.apply(LIVE_1)
    planned = topic.apply(changed(LIVE_2, ("Left without paying", "segment_00000001")))
    assert names(planned.created) == ["segment_00000001"]


def test_two_writers_who_raced_for_a_name_are_told_to_delete_one(topic):
    first, second = topic.plan(LIVE_1), topic.plan(LIVE_1)
    topic.records += first.records() + second.records()
    (line,) = topic.plan(LIVE_1).problems
    assert "V22: segment_00000001 and segment_00000002 both have this name: delete all but one by their ids" in line
    topic.delete("segment_00000002")
    assert topic.plan(LIVE_1).is_empty


def test_a_condition_on_a_segment_that_does_not_exist_is_refused(topic):
    leaf = changed(DYNAMIC, ("      all:", "      any:\n        - segment: Fresh complaint\n"))
    text = leaf[: leaf.index("        - attribute")]
    (line,) = topic.plan(text).problems
    assert line.endswith('condition: there is no segment "Fresh complaint": define it, or correct the name')
    topic.apply(LIVE_1)
    assert topic.plan(text).problems == ()


def test_a_circle_over_segments_that_exist_already_is_refused(topic):
    head = DYNAMIC[: DYNAMIC.index("    conditions")]
    first = changed(head, ("Regulars", "A")) + "    conditions: {segment: Fresh complaint}\n"
    second = changed(head, ("Regulars", "B")) + "    conditions: {segment: A}\n"
    topic.apply(LIVE_1)
    topic.apply(first)
    topic.apply(second)
    (line,) = topic.plan(changed(first, ("segment: Fresh complaint", "segment: B"))).problems
    assert "A: cycle: it depends on itself (A -> B -> A)" in line


def test_known_event_types_of_the_account_are_no_longer_warned_of(topic):
    text = changed(LIVE_1, ("eventType: complaint", "eventType: page"))
    assert len(topic.plan(text).warnings) == 1
    topic.apply(TYPES)
    assert topic.plan(text).warnings == ()


def test_a_property_that_a_segment_asks_for_cannot_be_taken_from_its_type(topic):
    topic.apply(TYPES)
    topic.apply(changed(LIVE_1, ("eventType: complaint", "eventType: page")) + "        eventProperties: {url: /}\n")
    (line,) = topic.plan(changed(TYPES, ("[url, title]", "[title]"))).problems
    assert line.startswith('segments.yaml:3:5: page: V17: the segment "Fresh complaint" asks for url: keep this')
    assert topic.plan(changed(TYPES, ("[url, title]", "[url]"))).problems == ()


def test_the_account_is_changed_field_by_field(topic):
    topic.apply(ACCOUNT)
    (change,) = topic.apply(changed(ACCOUNT, ("example/a", "example/b"))).changed
    assert change.fields == (("webhook_url", "https://shop.example/a", "https://shop.example/b"),)


def test_a_plan_with_problems_is_not_carried_out(topic):
    topic.apply(LIVE_1)
    planned = topic.plan(changed(LIVE_1, ("Fresh complaint", "Complaint")))
    assert not planned.is_empty
    with pytest.raises(AssertionError):
        planned.records()


def test_an_id_is_never_given_twice():
    topic = Topic()
    topic.apply(LIVE_1)
    ids = iter(["segment_00000001", "segment_00000001", "segment_000000aa"])
    planned = plan(topic.registry, read(LIVE_2), now_ms=1, new_id=lambda: next(ids))
    assert planned.created[0].id == "segment_000000aa"


def test_a_maker_that_only_gives_used_ids_is_our_own_bug():
    topic = Topic()
    topic.apply(LIVE_1)
    with pytest.raises(AssertionError, match="only ids that were used"):
        plan(topic.registry, read(LIVE_2), now_ms=1, new_id=lambda: "segment_00000001")


def test_planning_against_nothing_needs_no_topic():
    planned = plan(Registry(), read(LIVE_1), now_ms=1, new_id=lambda: "segment_00000001")
    assert planned.records()[0][0] == b"segments/segment_00000001"
