"""What is bounded: ids remembered, instances at once, how long a profile with nothing is kept."""

from octyseg.engine.rules import DEDUPE_IDS, DEDUPE_WINDOW_MS, PARALLEL_INSTANCES, SIGHTINGS
from octyseg.model.segment import Step
from tests.engine.story import START_MS, Told, left_cart, segment


def test_a_repeated_event_id_is_dropped():
    told = Told(segment(Step("buy")))
    assert told.event("buy", 0, event_id="e1")
    assert not told.event("buy", 5, event_id="e1")
    assert told.event("buy", 5, event_id="e2")


def test_the_same_id_of_another_profile_is_another_event():
    told = Told(segment(Step("buy")))
    assert told.event("buy", 0, event_id="e1")
    assert told.event("buy", 0, event_id="e1", profile="bob")


def test_an_id_is_remembered_for_a_day_of_event_time():
    told = Told(segment(Step("buy")))
    told.event("buy", 0, event_id="e1")
    assert not told.event("buy", DEDUPE_WINDOW_MS, event_id="e1")
    assert told.event("buy", DEDUPE_WINDOW_MS + 1, event_id="e1")


def test_so_many_ids_are_remembered_and_the_oldest_goes_first():
    told = Told(segment(Step("buy")))
    for number in range(DEDUPE_IDS + 1):
        told.event("buy", number, event_id=f"e{number}")
    assert len(told.partition.state_of("ada").seen) == DEDUPE_IDS
    assert not told.event("buy", 100, event_id="e1")
    assert told.event("buy", 100, event_id="e0")


def test_an_event_that_matches_no_step_takes_no_place_among_the_ids():
    told = Told(segment(Step("buy", {"big": True})))
    told.event("buy", 0, event_id="e1", properties={"big": False})
    assert len(told.partition) == 0
    assert told.event("buy", 0, event_id="e1", properties={"big": True})


def test_parallel_instances_are_bounded_and_the_oldest_goes():
    told = Told(left_cart(on_repeat="parallel"))
    for at_ms in range(PARALLEL_INSTANCES + 1):
        told.event("add", at_ms)
    assert len(told.partition.state_of("ada").instances) == PARALLEL_INSTANCES
    told.drain()
    assert [at_ms for _, _, at_ms in told.told] == list(range(101, 101 + PARALLEL_INSTANCES))


def test_an_instance_that_waits_for_the_grace_takes_no_place_of_a_running_one():
    told = Told(left_cart(on_repeat="parallel"))
    told.event("add", 0)
    for at_ms in range(101, 101 + PARALLEL_INSTANCES):
        told.event("add", at_ms)
    told.drain()
    assert told.told[0] == ("added", "matched", 100)
    assert len(told.told) == PARALLEL_INSTANCES + 1


def test_sightings_are_bounded():
    told = Told(left_cart())
    for number in range(SIGHTINGS + 5):
        told.event("buy", number, 20)
    assert len(told.partition.state_of("ada").sightings) == SIGHTINGS


def test_a_profile_with_nothing_is_forgotten_after_the_day_of_repeats_and_its_commit():
    told = Told(left_cart())
    told.event("buy", 0, event_id="e1")
    told.tick(DEDUPE_WINDOW_MS + 100)
    assert len(told.partition) == 1
    told.partition.committed(1)
    told.tick(DEDUPE_WINDOW_MS + 101)
    assert (len(told.partition), told.partition.next_due()) == (0, None)


def test_a_forgotten_profile_goes_on_above_its_last_sequence():
    told = Told(segment(Step("buy"), tag_ttl_ms=50))
    for at_ms in (0, 10, 20):
        told.event("buy", at_ms)
    told.drain()
    assert len(told.partition) == 0
    last = told.changes[-1].sequence
    told.event("buy", 10_000_000)
    assert told.changes[-1].sequence == last + 1


def test_a_profile_with_attributes_or_a_tag_is_kept_for_ever():
    told = Told(segment(Step("buy")))
    told.event("buy", 0)
    told.feed(told.write.profile(0, profile="bob", status="active"))
    told.partition.committed(10)
    told.tick(100 * DEDUPE_WINDOW_MS)
    assert {"ada", "bob"} == set(told.partition.shelf.ids())


def test_draining_ends_also_for_events_without_ids_and_overdue_at_their_arrival():
    told = Told(left_cart())
    told.event("buy", 0)
    told.event("add", 10, 400)
    told.drain()
    assert told.told == [("added", "matched", 110)]
    assert told.partition.clock_ms < START_MS + 1_000


def test_a_cooldown_is_remembered_for_as_long_as_events_may_be_late():
    told = Told(segment(Step("buy"), cooldown_ms=50, tag_ttl_ms=10))
    told.event("buy", 0)
    told.partition.committed(1)
    told.tick(100)
    told.tick(200)
    assert told.event("buy", 49, 200) == []


def test_of_two_events_with_one_id_and_other_content_the_first_counts():
    told = Told(segment(Step("buy", {"big": True})), segment(Step("view"), segment_id="viewed"))
    told.event("view", 0, event_id="e1")
    assert not told.event("buy", 1, event_id="e1", properties={"big": True})
    assert told.event("buy", 1, event_id="e2", properties={"big": True})
