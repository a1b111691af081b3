"""The examples keep their own rules, and know every event of the made-up shop."""

from itertools import permutations
from pathlib import Path

import msgspec
import pytest

from octyseg.model.definitions.compile import compile_definitions
from octyseg.model.definitions.contents import known_event_types
from octyseg.model.definitions.reading.loading import load_definitions
from octyseg.traffic.store import store
from tests.model.registries import Topic

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))
SHOP = Path(__file__).parents[2] / "examples" / "segments.yaml"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_accepted_without_a_warning_by_a_strict_catalog(path):
    assert load_definitions(path, strict_catalog=True).warnings == ()


def test_the_shop_has_a_live_segment_of_each_sub_type():
    segments = compile_definitions(load_definitions(SHOP).segments)
    assert {segment.sub_type: segment.tag for segment in segments} == {
        1: "Big spender",
        2: "Abandoned checkout",
        3: "From browsing to cart",
    }


def test_the_shop_knows_every_event_and_property_of_the_simulated_traffic():
    known = known_event_types(load_definitions(SHOP).event_types)
    for event in store(profiles=200, events=5000, rate_per_s=50, seed=7, start_ms=1_700_000_000_000):
        record = msgspec.json.decode(event.line)
        assert set(record["event_properties"]) <= known[record["event_type"]], record["event_type"]


def test_applying_the_shop_twice_changes_nothing():
    topic = Topic()
    topic.apply(SHOP.read_text())
    assert topic.plan(SHOP.read_text()).is_empty


@pytest.mark.parametrize("paths", list(permutations(EXAMPLES)), ids=lambda paths: "-".join(path.stem for path in paths))
def test_the_examples_stand_beside_each_other_in_whatever_order_they_are_applied(paths):
    topic = Topic()
    for path in paths:
        topic.apply(path.read_text())
    assert all(topic.plan(path.read_text()).is_empty for path in EXAMPLES)
