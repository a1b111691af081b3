"""Segments of the past: DuckDB says of any history what the plain words say."""

import json

import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from octyseg.history.evaluate import asked_in, evaluate
from octyseg.history.source import of_lines
from octyseg.model.definitions.definition import EventStep, SegmentDefinition
from tests.history.oracle import DAY_MS, Happened, is_past_member
from tests.tries import tries

pytestmark = pytest.mark.slow

NOW_MS = 1_780_000_000_000
VALUES = st.sampled_from(["1", "red", "true", 1, 1.0, 2.5, True, False, None])
PROPERTIES = st.dictionaries(st.sampled_from(["a", "b"]), VALUES, max_size=2)
WANTED = st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from(["1", "red", "true", 1, 2.5, True]), max_size=1)
TYPES = st.sampled_from(["login", "buy", "view"])
# Instants at, and a millisecond beside, the ends of windows.
ENDS = [0, 1, -1, -DAY_MS, -DAY_MS + 1, -3 * DAY_MS, -3 * DAY_MS + 1, -3 * DAY_MS - 1]
TIMES = st.sampled_from(ENDS) | st.integers(-4 * DAY_MS, DAY_MS)
EVENTS = st.lists(
    st.tuples(st.sampled_from(["ada", "eve"]), TIMES, TYPES, PROPERTIES, st.none() | st.sampled_from(["e1", "e2"])),
    max_size=12,
)


def step(*, inaction=False):
    kind = "inaction" if inaction else "action"
    return st.tuples(TYPES, WANTED).map(
        lambda what: EventStep(event_type=what[0], event_properties=what[1], action_inaction=kind)
    )


@st.composite
def definitions(draw):
    found = []
    for number in range(draw(st.integers(1, 5))):
        steps = draw(st.lists(step(), min_size=1, max_size=4))
        if draw(st.booleans()):
            steps.append(draw(step(inaction=True)))
        has_property = draw(st.booleans())
        found.append(
            SegmentDefinition(
                segment_name=f"s{number}",
                segment_type="past",
                segment_timeframe=draw(st.sampled_from([1, 3])),
                event_sequence=tuple(steps),
                ordered=draw(st.booleans()),
                inaction_scope=draw(st.sampled_from(["window", "after_last_action"])),
                profile_property_name="plan" if has_property else None,
                profile_property_value=draw(st.sampled_from(["gold", 1, True])) if has_property else None,
                compat="native",
            )
        )
    return found


def line(document):
    return json.dumps(document).encode()


def written(events, plans=()):
    """The lines of a file."""
    lines = [
        line(
            {
                "profile_id": profile,
                "event_type": event_type,
                "event_properties": properties,
                "created_at": NOW_MS + at_ms,
            }
            | ({} if event_id is None else {"event_id": event_id})
        )
        for profile, at_ms, event_type, properties, event_id in events
    ]
    return lines + [
        line(
            {
                "type": "profile",
                "profile_id": profile,
                "profile_data": {"plan": plan},
                "created_at": NOW_MS - 9 * DAY_MS,
            }
        )
        for profile, plan in plans
    ]


def refuse(number, refusal):
    raise AssertionError(f"line {number}: {refusal}")


@given(definitions(), EVENTS, st.sampled_from([(), (("ada", "gold"),), (("ada", 1), ("eve", True))]))
@tries(30)
def test_members_are_those_of_the_plain_words(found, events, plans):
    history = of_lines(written(events, plans), NOW_MS, refuse)
    members = evaluate(asked_in(found), history, NOW_MS)
    data = {profile: {"plan": plan} for profile, plan in plans}
    for definition in found:
        expected = [
            profile
            for profile in ("ada", "eve")
            if is_past_member(
                definition,
                [
                    Happened(NOW_MS + at_ms, place, event_type, properties, event_id)
                    for place, (of, at_ms, event_type, properties, event_id) in enumerate(events)
                    if of == profile and at_ms <= 0
                ],
                data.get(profile, {}),
                NOW_MS,
            )
        ]
        note(f"{definition!r}, {events}")
        assert members[definition.segment_name] == expected
