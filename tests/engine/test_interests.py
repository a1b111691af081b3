"""What segments want of an event, looked up by its texts, is what comparing step by step says."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from octyseg.engine.interests import Interests
from octyseg.engine.matching import matches
from octyseg.model.segment import Step
from tests.engine.story import segment

NAMES = st.sampled_from(["of", "in", "by"])
TEXTS = st.sampled_from(["1", "true", "red", "blue"])
ODD = st.sampled_from([1, 1.0, True, None, [], {}, ["red"], {"of": "red"}])
ASKED = st.dictionaries(NAMES, TEXTS, max_size=2) | st.dictionaries(NAMES, TEXTS | ODD, max_size=2)
STEPS = st.lists(st.builds(Step, st.sampled_from(["buy", "buy", "view"]), ASKED), min_size=1, max_size=3)
SEGMENTS = st.lists(st.tuples(STEPS, st.booleans(), st.integers(0, 4)), max_size=4)
EVENTS = st.lists(st.dictionaries(NAMES, TEXTS | ODD, max_size=3), min_size=1, max_size=8)


def made(number, steps, ends_with_inaction, octy):
    *before, last = steps
    inaction = ends_with_inaction and bool(before)
    return segment(*before, replace(last, inaction=inaction), segment_id=f"s{number}", compat_octy=octy == 0)


def compared(one, properties):
    """The parts as the rules have them: which steps match, one by one."""
    fits = [step.event_type == "buy" and matches(step.properties, properties, one.compat_octy) for step in one.steps]
    last = one.steps[-1]
    advances = [index for index, fit in enumerate(fits) if fit and index and not one.steps[index].inaction]
    return fits[0], tuple(advances), last.inaction and fits[-1]


@given(SEGMENTS, EVENTS)
def test_parts_are_those_of_comparing_step_by_step(described, events):
    segments = [made(number, *one) for number, one in enumerate(described)]
    interests = Interests([one for one in segments if any(step.event_type == "buy" for step in one.steps)], "buy")
    for properties in events:
        expected = [(one.segment_id, compared(one, properties)) for one in segments]
        assert [
            (one.segment_id, (parts.opens, parts.advances, parts.cancels))
            for one, parts in interests.played(properties).parts
        ] == [(segment_id, parts) for segment_id, parts in expected if any(parts)]
