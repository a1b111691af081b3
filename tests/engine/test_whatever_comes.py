"""Whatever stands on the input topics is decided about or refused: what ends one reader ends every next one."""

import json
from base64 import b64encode

from hypothesis import given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.engine.state import Instance, ProfileState, encode_state
from octyseg.model import segment as model
from octyseg.model.command import READY_KEY
from octyseg.model.segment import Condition, Segment
from octyseg.stages.decisions import Decisions
from tests.engine.story import RULES, START_MS, TOPIC, Writer, left_cart, segment
from tests.tries import tries

SEGMENTS = [
    left_cart(correlate_by="cart", on_repeat="parallel"),
    segment(model.Step("buy", {"big": True}), segment_id="bought", conditions=(Condition("plan", "gt", 3),)),
    Segment("guests", "Guests", 1, "static"),
    Segment("often", "Often", 1, "dynamic", rule=model.Performed(0, "buy", {}, 2, None, 100)),
    Segment("rich", "Rich", 1, "dynamic", rule=Condition("profile_data.plan", "gt", 10**30)),
]
EDGES = [0, 1, -1, 2**31, 2**53 + 1, 2**61, 2**63, 2**64, -(2**63), -(2**63) - 1, 10**30, 10**300]
NUMBERS = st.sampled_from(EDGES) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
TEXTS = st.sampled_from(["", "a", "\0", "\n", "null", "\u2028", "💥", "x" * 300]) | st.text(max_size=5)
ANYTHING = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=5,
)
PEOPLE = st.sampled_from(["ada", "bob", "eve"])
SOON = st.integers(START_MS, START_MS + 300)
TIMES = SOON | NUMBERS
PROPERTIES = st.dictionaries(st.sampled_from(["cart", "big", "k"]), ANYTHING, max_size=2)
EVENTS = st.one_of(
    st.fixed_dictionaries(
        {"profile_id": PEOPLE, "event_type": st.sampled_from(["add", "buy"]), "event_properties": PROPERTIES},
        optional={"created_at": TIMES, "event_id": TEXTS},
    ),
    st.fixed_dictionaries(
        {"profile_id": PEOPLE, "type": st.just("profile")},
        optional={
            "profile_data": st.dictionaries(st.sampled_from(["plan", "n"]), ANYTHING, max_size=2),
            "customer_id": TEXTS,
            "created_at": TIMES,
        },
    ),
    st.fixed_dictionaries({"profile_id": PEOPLE, "type": st.just("merge"), "into": PEOPLE | TEXTS}),
    st.fixed_dictionaries({"profile_id": PEOPLE, "type": st.just("erase")}),
)
WAITING = encode_state(
    ProfileState(instances=[Instance("left", 1, "e", START_MS, 1, START_MS, START_MS + 100, ["e"])], seen={7: START_MS})
)
SOURCE = {"profile_id": PEOPLE, "child": PEOPLE, "partition": NUMBERS, "offset": NUMBERS}
COMMANDS = st.one_of(
    st.fixed_dictionaries(
        {
            "type": st.just("membership"),
            "profile_id": PEOPLE,
            "segment_id": st.sampled_from(["guests", "often"]),
            "version": st.just(1) | NUMBERS,
            "member": st.booleans(),
            "reason": st.just("imported"),
            "as_of_ms": TIMES,
            "anchor": TEXTS,
        }
    ),
    st.fixed_dictionaries(
        {
            "type": st.just("backfill"),
            "profile_id": PEOPLE,
            "segment_id": st.just("often"),
            "version": st.just(1),
            "below_offset": st.just(5) | NUMBERS,
            "performed": st.lists(
                st.fixed_dictionaries(
                    {"leaf": st.just(0) | NUMBERS, "entries": st.lists(st.tuples(TIMES, NUMBERS), max_size=3)}
                ),
                max_size=2,
            ),
        }
    ),
    st.fixed_dictionaries(
        {"type": st.just("ready"), "segment_id": st.just("often"), "version": st.just(1), "below_offset": NUMBERS}
    ),
    st.fixed_dictionaries(
        SOURCE
        | {
            "type": st.just("union"),
            "at_ms": TIMES,
            "state": st.sampled_from([WAITING, WAITING[:20], b"", b"\x90"]).map(lambda one: b64encode(one).decode()),
        }
    ),
    st.fixed_dictionaries(
        SOURCE
        | {
            "type": st.just("forward"),
            "arrived_ms": TIMES,
            "record": (EVENTS | ANYTHING).map(lambda one: b64encode(json.dumps(one).encode()).decode()),
        }
    ),
)


@tries(300)
@given(st.lists(EVENTS | COMMANDS, max_size=12))
def test_nothing_that_comes_ends_who_reads_it(documents):
    partition = Partition(Catalog(SEGMENTS), RULES, 0, 1, 1)
    partition.adopted(0)
    write, decisions = Writer(), Decisions()
    for at_ms, document in enumerate(documents):
        key = document.get("profile_id", READY_KEY.decode())
        record = write.record(key, document, 20 * at_ms)
        is_command = document.get("type") in {"membership", "backfill", "ready", "union", "forward"}
        decisions.add(partition.obey([record]) if is_command else partition.feed(TOPIC, [record]))
    decisions.add(partition.tick(START_MS + 10_000))
    assert all(partition.state_of(one) is not None for one in partition.shelf.ids())
