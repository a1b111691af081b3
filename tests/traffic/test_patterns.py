"""Made-up traffic: the same for the same seed, in order, well formed, and like a shop's."""

from collections import Counter, defaultdict
from itertools import islice, pairwise
from random import Random

import msgspec
import pytest

from octyseg.errors import UsageError
from octyseg.model.change import rfc3339
from octyseg.model.record import Event, decode
from octyseg.traffic.patterns import simulate
from octyseg.traffic.sessions import products, session
from octyseg.traffic.uniform import uniform

START_MS = 1_760_000_000_123


def traffic(pattern="store", profiles=2_000, events=20_000, rate_per_s=200, seed=7):
    return list(simulate(profiles, events, rate_per_s, seed, START_MS, pattern=pattern))


@pytest.fixture(scope="module")
def shop():
    return [(event, msgspec.json.decode(event.line)) for event in traffic()]


@pytest.fixture(params=["store", "uniform"])
def pattern(request):
    return request.param


def test_a_seed_repeats_its_traffic_and_another_seed_makes_other_traffic(pattern):
    assert traffic(pattern, events=500) == traffic(pattern, events=500)
    assert traffic(pattern, events=500) != traffic(pattern, events=500, seed=8)


def test_more_events_of_a_seed_begin_with_the_same_ones(pattern):
    assert traffic(pattern, events=500)[:100] == traffic(pattern, events=100)


def test_events_come_in_the_order_of_time_from_the_start_on(pattern):
    times = [event.at_ms for event in traffic(pattern)]
    assert times[0] >= START_MS
    assert times == sorted(times)


def test_event_ids_never_repeat_and_differ_between_seeds(pattern):
    ids = [msgspec.json.decode(event.line)["event_id"] for seed in (1, 2) for event in traffic(pattern, seed=seed)]
    assert len(set(ids)) == len(ids) == 40_000


def test_every_line_is_a_record_that_octyseg_accepts(pattern):
    for event in traffic(pattern, events=3_000):
        record = decode(event.profile_id.encode(), event.line)
        assert isinstance(record, Event), record
        assert record.profile_id == event.profile_id
        assert msgspec.json.decode(event.line)["created_at"] == rfc3339(event.at_ms)


def test_lines_have_the_size_of_real_events(pattern):
    sizes = [len(event.line) for event in traffic(pattern)]
    assert 320 < sum(sizes) / len(sizes) < 380
    assert max(sizes) < 600


@pytest.mark.parametrize(("profiles", "rate_per_s"), [(2_000, 50), (2_000, 5_000), (50_000, 400), (3, 2), (1, 1)])
def test_the_rate_is_about_what_was_asked_for_from_the_start_on(pattern, profiles, rate_per_s):
    events = traffic(pattern, profiles=profiles, rate_per_s=rate_per_s)
    for part in (events[:4_000], events):
        measured = len(part) / (part[-1].at_ms - part[0].at_ms) * 1000
        assert measured == pytest.approx(rate_per_s, rel=0.15)


def test_no_more_profiles_than_asked_for_appear(pattern):
    assert len({event.profile_id for event in traffic(pattern, profiles=5, events=2_000)}) == 5


def test_traffic_is_made_lazily(pattern):
    assert len(list(islice(simulate(10, 10**12, 1_000, 1, START_MS, pattern=pattern), 3))) == 3


def test_no_events_are_no_traffic(pattern):
    assert traffic(pattern, events=0) == []


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        ({"profiles": 0}, "no traffic has 0 profiles"),
        ({"events": -1}, "-1 events"),
        ({"rate_per_s": 0}, "0 events/s: give positive figures"),
        ({"pattern": "circus"}, "there is no pattern 'circus': take one of store, uniform"),
    ],
)
def test_figures_that_make_no_traffic_are_refused(figures, words):
    with pytest.raises(UsageError, match=words):
        traffic(**figures)


def test_all_that_happens_in_a_shop_happens(shop):
    counts = Counter(body["event_type"] for _, body in shop)
    assert set(counts) == {
        "page",
        "login",
        "search",
        "product_viewed",
        "product_added",
        "checkout_started",
        "order_completed",
        "charged",
        "complaint",
    }
    assert counts["product_viewed"] > counts["product_added"] > counts["checkout_started"] > counts["order_completed"]
    assert counts["complaint"] < counts["order_completed"]


def by_cart(shop):
    carts = defaultdict(list)
    for event, body in shop:
        if "cart_id" in body["event_properties"]:
            carts[body["event_properties"]["cart_id"]].append((event.profile_id, body["event_type"]))
    return carts


def test_a_cart_is_one_profiles_and_is_paid_for_after_it_was_filled(shop):
    for steps in by_cart(shop).values():
        assert len({profile_id for profile_id, _ in steps}) == 1
        types = [event_type for _, event_type in steps]
        order = ["product_added", "checkout_started", "order_completed", "charged"]
        last_visit = types[types.index("page") + 1 :] if "page" in types else types
        places = [order.index(event_type) for event_type in last_visit]
        assert places == sorted(places)
        assert {"order_completed", "charged"}.isdisjoint(types[: -len(last_visit)] if "page" in types else [])


def test_some_carts_are_abandoned_and_some_of_those_are_bought_later(shop):
    bought = {cart for cart, steps in by_cart(shop).items() if "order_completed" in {kind for _, kind in steps}}
    returned = {cart for cart, steps in by_cart(shop).items() if "page" in {kind for _, kind in steps}}
    assert 0.2 < len(bought) / len(by_cart(shop)) < 0.8
    assert returned & bought


def test_a_few_profiles_are_hot_and_most_come_again(shop):
    counts = Counter(event.profile_id for event, _ in shop)
    (_, hottest), *_ = counts.most_common(1)
    assert 5 < hottest / (len(shop) / len(counts)) < 200
    assert len(counts) > 1_000


def test_visitors_think_between_their_steps_where_the_profiles_are_many_enough():
    sessions = defaultdict(list)
    for event in traffic(profiles=5_000, rate_per_s=80):
        body = msgspec.json.decode(event.line)
        sessions[body["event_properties"]["session_id"]].append(event.at_ms)
    pauses = sorted(later - earlier for times in sessions.values() for earlier, later in pairwise(times))
    assert 3_000 < pauses[len(pauses) // 2] < 15_000


def test_who_was_here_before_logs_in_more_often():
    random = Random(3)
    goods = products(random)

    def logins(returning):
        visits = [session(random, goods, returning=returning) for _ in range(500)]
        return sum(any(step.event_type == "login" for step in visit.steps) for visit in visits)

    assert logins(returning=True) > 1.5 * logins(returning=False)


@pytest.mark.parametrize("share", [0.0, 0.18, 1 / 3, 1.0])
def test_the_share_of_relevant_events_is_exact(share):
    events = uniform(100, 9_000, 1_000, 5, START_MS, relevant_types=("login", "charged"), relevant_share=share)
    types = [msgspec.json.decode(event.line)["event_type"] for event in events]
    relevant = [event_type for event_type in types if event_type in {"login", "charged"}]
    assert len(relevant) == pytest.approx(share * 9_000, abs=1)
    assert relevant[:4] == ["login", "charged", "login", "charged"][: len(relevant[:4])]


def test_uniform_events_come_at_even_distances():
    times = [event.at_ms for event in traffic("uniform", events=100, rate_per_s=250)]
    assert {later - earlier for earlier, later in pairwise(times)} == {4}
