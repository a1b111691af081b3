"""Definitions that keep the rules, made by chance: for laws about storing, comparing and planning."""

from hypothesis import strategies as st

from octyseg.model.definitions.conditions import AllOf, AnyOf, AttributeCondition, NotThis, PerformedCondition, Within
from octyseg.model.definitions.definition import EventStep, SegmentDefinition

NAMES = st.text(st.characters(categories=["L", "N", "P"]), min_size=1, max_size=60)
VALUES = st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20)
VALUES |= st.floats(allow_nan=False, allow_infinity=False)
PROPERTIES = st.dictionaries(NAMES, VALUES, max_size=3)
FRAMES = st.integers(5, 525_600) | st.floats(5, 525_600, allow_nan=False)

ATTRIBUTES = st.builds(AttributeCondition, attribute=NAMES, operator=st.sampled_from(["eq", "ne"]), value=VALUES)
PERFORMED = st.builds(
    PerformedCondition,
    performed=NAMES,
    event_properties=PROPERTIES,
    within=st.just("ever") | st.builds(Within, days=st.floats(0.5, 60)),
)
CONDITIONS = st.recursive(
    ATTRIBUTES | PERFORMED,
    lambda inner: (
        st.builds(AllOf, all=st.tuples(inner, inner))
        | st.builds(AnyOf, any=st.tuples(inner))
        | st.builds(NotThis, not_=inner)
    ),
    max_leaves=5,
)


def _step(number, frame, properties, action="action"):
    return EventStep(
        event_type=f"event {number}", exp_timeframe=frame, action_inaction=action, event_properties=properties
    )


@st.composite
def live_segments(draw):
    """A live segment of sub type 2."""
    frames = draw(st.lists(FRAMES, min_size=1, max_size=9))
    actions = [_step(number, frame, draw(PROPERTIES)) for number, frame in enumerate(frames)]
    return SegmentDefinition(
        segment_name=draw(NAMES),
        segment_type="live",
        segment_sub_type=2,
        event_sequence=(*actions, _step(len(frames), 0, draw(PROPERTIES), "inaction")),
        description=draw(st.none() | st.text(max_size=30)),
        webhook=draw(st.booleans()),
        on_repeat=draw(st.sampled_from(["ignore", "restart", "parallel"])),
        tag_ttl_minutes=draw(st.none() | st.floats(0.5, 1000)),
        profile_conditions=tuple(draw(st.lists(ATTRIBUTES, max_size=2))),
    )


@st.composite
def dynamic_segments(draw):
    """A dynamic segment that asks for no other one."""
    return SegmentDefinition(segment_name=draw(NAMES), segment_type="dynamic", conditions=draw(CONDITIONS))


SEGMENTS = live_segments() | dynamic_segments()
