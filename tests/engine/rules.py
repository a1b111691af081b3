"""Rules of dynamic segments for the laws: every leaf, windows of the size of the histories, trees of them."""

from hypothesis import strategies as st

from octyseg.model.segment import DAY_MS, Condition, Either, Every, InSegment, Negated, Performed, Segment
from tests.engine.histories import TYPES
from tests.engine.story import START_MS

COUNTS = st.sampled_from([(1, None), (1, None), (2, None), (3, None), (0, 0), (0, 1), (1, 1), (2, 2), (1, 2)])
WINDOWS = st.sampled_from(
    [(None, None), (50, None), (100, None), (250, None), (None, (START_MS + 1_050, START_MS + 1_200))]
)
CONDITIONS = st.sampled_from(
    [
        Condition("plan", "eq", "gold"),
        Condition("plan", "ne", "gold"),
        Condition("profile_data.plan", "not_exists"),
        Condition("plan", "exists"),
        Condition("since", "within_last", 150 / DAY_MS),
        Condition("since", "more_than_ago", 100 / DAY_MS),
    ]
)


def _performed(event_type, wanted, count, window):
    return Performed(0, event_type, wanted, *count, *window)


PERFORMED = st.builds(
    _performed, st.sampled_from(TYPES), st.sampled_from([{}, {}, {"big": True}, {"cart": 1}]), COUNTS, WINDOWS
)


def trees(others):
    """Rules that may ask for these other segments."""
    leaves = [PERFORMED, PERFORMED, CONDITIONS]
    if others:
        leaves.append(st.builds(InSegment, st.sampled_from(others), st.booleans()))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            st.builds(Every, st.lists(inner, min_size=1, max_size=3).map(tuple)),
            st.builds(Either, st.lists(inner, min_size=1, max_size=3).map(tuple)),
            st.builds(Negated, inner),
        ),
        max_leaves=4,
    )


def numbered(rule, numbers=None):
    """The rule with its performed leaves counted as they are written."""
    numbers = iter(range(100)) if numbers is None else numbers
    match rule:
        case Every(parts) | Either(parts):
            return type(rule)(tuple(numbered(part, numbers) for part in parts))
        case Negated(part):
            return Negated(numbered(part, numbers))
        case Performed():
            return Performed(next(numbers), *(getattr(rule, name) for name in rule.__struct_fields__[1:]))
    return rule


@st.composite
def dynamic_segments(draw, *, count=3, others=(), version=1):
    """Up to so many dynamic segments, each of which may ask for those before it, and for others."""
    made = []
    for number in range(draw(st.integers(1, count))):
        rule = draw(trees([*(one.segment_id for one in made), *others]))
        made.append(
            Segment(f"d{number}", f"d{number}", version, "dynamic", matching_since=version, rule=numbered(rule))
        )
    return made
