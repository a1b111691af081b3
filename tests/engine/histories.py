"""Histories for the laws of the engine: segments of every kind and option, records at every boundary.

Frames are 100 ms, the grace 20 ms; all other figures are near those, so that exact deadlines, equal
instants, lateness inside and outside the grace and repeats come up all the time.
"""

from hypothesis import strategies as st

from octyseg.model.segment import DAY_MS, Condition, Step
from tests.engine.story import START_MS, Writer, segment

TYPES = ("add", "buy", "view")
NEAR = (0, 0, 0, 1, 5, 19, 20, 21, 40, 50, 79, 99, 100, 101, 119, 120, 121, 122, 150, 250, 500)
PROPERTIES = st.sampled_from(
    [
        {},
        {"cart": 1},
        {"cart": 2},
        {"cart": 1, "big": True},
        {"big": True},
        {"cart": 1.0},
        {"cart": 1, "items": ["hat"]},
        {"big": True, "sizes": {"hat": 7}},
    ]
)
WANTED = st.sampled_from([{}, {}, {}, {"big": True}, {"cart": 1}])
PROFILES = st.sampled_from(["ada", "ada", "ada", "bob"])

single = st.builds(lambda kind, wanted: (Step(kind, wanted),), st.sampled_from(TYPES), WANTED)


@st.composite
def sequences(draw):
    """Two or three different steps, the last one an inaction or not."""
    count = draw(st.integers(2, 3))
    pairs = draw(
        st.lists(
            st.tuples(st.sampled_from(TYPES), WANTED),
            min_size=count,
            max_size=count,
            unique_by=lambda pair: (pair[0], tuple(pair[1])),
        )
    )
    inaction = draw(st.sampled_from([True, True, False]))
    last = len(pairs) - 1
    return tuple(
        Step(kind, wanted, within_ms=0 if index == last else 100, inaction=inaction and index == last)
        for index, (kind, wanted) in enumerate(pairs)
    )


CONDITIONS = st.sampled_from(
    [
        (),
        (),
        (),
        (Condition("plan", "eq", "gold"),),
        (Condition("plan", "ne", "gold"),),
        (Condition("profile_data.plan", "not_exists"),),
        (Condition("profile_data.since", "within_last", 150 / DAY_MS),),
    ]
)


def segments(*, conditions=True, count=3):
    """Up to so many live segments of any kind and with any options."""
    one = st.builds(
        lambda steps, **options: (steps, options),
        st.one_of(single, sequences(), sequences(), sequences()),
        on_repeat=st.sampled_from(["ignore", "ignore", "restart", "parallel"]),
        correlate_by=st.sampled_from([None, None, "cart"]),
        notify=st.sampled_from(["every_match", "every_match", "on_enter"]),
        cooldown_ms=st.sampled_from([0, 0, 0, 50, 150]),
        tag_ttl_ms=st.sampled_from([0, 0, 0, 10, 60, 150]),
        conditions=CONDITIONS if conditions else st.just(()),
        compat_octy=st.sampled_from([False, False, False, True]),
    )
    return st.lists(one, min_size=1, max_size=count).map(
        lambda chosen: [
            segment(*steps, segment_id=f"s{number}", **options) for number, (steps, options) in enumerate(chosen)
        ]
    )


@st.composite
def records(draw, *, in_order=False, others=True, most=25):
    """Records of a few profiles in log order, arrival never falling; late, early and repeated ones among them."""
    write, arrival_ms, ids = Writer(times_are_texts=draw(st.booleans())), 1_000, []
    written = []
    kinds = ["event"] * 9 + (["repeat", "repeat", "profile", "erase"] if others else ["repeat"])
    for number in range(draw(st.integers(1, most))):
        arrival_ms += draw(st.sampled_from(NEAR))
        kind = draw(st.sampled_from(kinds))
        profile = draw(PROFILES)
        if kind == "repeat" and ids:
            written.append(write.event(arrival_ms=arrival_ms, **draw(st.sampled_from(ids))))
        elif kind == "profile":
            plan = draw(st.sampled_from(["gold", "tin", None]))
            since = draw(st.sampled_from([None, START_MS + arrival_ms - 50]))
            written.append(write.profile(arrival_ms, profile=profile, profile_data={"plan": plan, "since": since}))
        elif kind == "erase":
            written.append(write.erase(arrival_ms, profile=profile))
            # A repeat of an event from before the erasure is a new event: nobody knows its id any more.
            ids = [one for one in ids if one["profile"] != profile]
        else:
            lag = (
                0
                if in_order
                else draw(st.sampled_from([0, 0, 0, 0, -1, -40, -41, 1, 5, 19, 20, 21, 60, 120, 400, 401]))
            )
            one = {
                "event_type": draw(st.sampled_from([*TYPES, "noise"])),
                "at_ms": arrival_ms - lag,
                "profile": profile,
                "properties": draw(PROPERTIES),
                "event_id": draw(st.sampled_from([f"e{number}", f"e{number}", None])),
            }
            if one["event_id"]:
                ids.append(one)
            written.append(write.event(arrival_ms=arrival_ms, **one))
    return written


@st.composite
def crowds(draw):
    """Plain events of many profiles, with silences in which something falls due for several of them at once."""
    write, arrival_ms, written = Writer(times_are_texts=draw(st.booleans())), 1_000, []
    for _ in range(draw(st.integers(8, 30))):
        arrival_ms += draw(st.sampled_from([0, 0, 0, 1, 1, 20, 121, 250]))
        kind = draw(st.sampled_from(["add", "add", "view", "buy", "noise"]))
        profile = f"p{draw(st.integers(0, 7))}"
        written.append(
            write.event(kind, arrival_ms, profile=profile, properties=draw(st.sampled_from([{}, {"cart": 1}])))
        )
    return written
