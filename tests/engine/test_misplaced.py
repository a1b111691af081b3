"""Records that another client's partitioner has put here: their profiles have their writer elsewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.model.command import Membership, Ready, encode, key_of
from octyseg.model.placement import partition_of
from octyseg.model.segment import Segment, Step
from tests.engine.story import RULES, START_MS, TOPIC, Writer, left_cart, segment
from tests.tries import tries

NAMES = [f"p{number}" for number in range(40)]
AT_HOME = [one for one in NAMES if partition_of(one, 2) == 0]
STRAYS = [one for one in NAMES if partition_of(one, 2) == 1]
BOUGHT = segment(Step("buy"), segment_id="bought")
GUESTS = Segment("guests", "Guests", 1, "static")


def opened(partitions=2):
    return Partition(Catalog([BOUGHT, left_cart(), GUESTS]), RULES, 0, 1, partitions)


def bought(profiles):
    write = Writer()
    return [write.event("buy" if profile != "p0" else "noise", 0, profile=profile) for profile in profiles]


def reasons(decided):
    return [(one.record.key.decode(), one.refusal.reason) for one in decided.refused]


@pytest.mark.parametrize("profiles", [[STRAYS[0]], [*AT_HOME, STRAYS[0]], [STRAYS[0], *AT_HOME, *STRAYS]])
def test_they_are_refused_and_their_neighbours_go_on(profiles):
    decided = opened().feed(TOPIC, bought(profiles))
    assert reasons(decided) == [(one, "misplaced") for one in profiles if one in STRAYS]
    assert {one for one, _ in decided.outcomes} == set(profiles) - set(STRAYS) - {"p0"}


def test_they_are_refused_whether_or_not_a_segment_asks_for_them():
    write = Writer()
    noise = [write.event("noise", 0, profile=profile) for profile in (*AT_HOME, STRAYS[3])]
    assert reasons(opened().feed(TOPIC, noise)) == [(STRAYS[3], "misplaced")]


def test_so_is_what_is_no_event():
    write = Writer()
    records = [write.profile(0, profile=STRAYS[0], status="a"), write.erase(0, profile=STRAYS[1])]
    assert [reason for _, reason in reasons(opened().feed(TOPIC, records))] == ["misplaced"] * 2


def test_what_is_wrong_with_a_record_is_said_before_its_place():
    stray = Writer().record(STRAYS[0], b"{}", 0)
    assert [reason for _, reason in reasons(opened().feed(TOPIC, [stray]))] != ["misplaced"]


def test_commands_are_held_to_their_place_too_but_not_those_to_everybody():
    write = Writer()
    asked = [
        Membership(profile_id, "guests", 1, True, "imported", START_MS, "upload")
        for profile_id in (AT_HOME[0], STRAYS[0])
    ]
    commands = [*asked, Ready("d0", 1, 0)]
    decided = opened().obey([write.record("", encode(one), 0)._replace(key=key_of(one)) for one in commands])
    assert reasons(decided) == [(STRAYS[0], "misplaced")]
    assert [one for one, _ in decided.outcomes] == [AT_HOME[0]]


def test_where_nobody_says_how_many_partitions_there_are_all_belong_here():
    assert not opened(None).feed(TOPIC, bought(NAMES)).refused


@tries(100)
@given(st.lists(st.sampled_from(NAMES), max_size=60), st.integers(1, 60))
def test_it_does_not_matter_what_comes_together(profiles, size):
    records = bought(profiles)
    refused = [
        pair
        for partition in (opened(),)
        for start in range(0, len(records), size)
        for pair in reasons(partition.feed(TOPIC, records[start : start + size]))
    ]
    assert refused == [(one, "misplaced") for one in profiles if one in STRAYS]
