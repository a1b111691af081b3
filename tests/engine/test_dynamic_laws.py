"""The laws of dynamic segments over generated rules and histories, against an oracle written apart from the engine."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.log.port import StoredRecord
from octyseg.model.command import Backfill, Performed, Ready, encode, key_of
from tests.engine.agreement import assert_agreement, told_by
from tests.engine.histories import records, segments
from tests.engine.rules import dynamic_segments
from tests.engine.story import FUTURE_MS, GRACE_MS, RULES, TOPIC, time_of
from tests.engine.test_laws import drain
from tests.simulation.oracle_dynamic import Past, Turn, expected_turns, leaves, members_as_of, readable
from tests.tries import tries

pytestmark = pytest.mark.slow

often, seldom = tries(75), tries(50)


def partition_of(segments, *, built=True):
    partition = Partition(Catalog(segments), RULES)
    if built:
        partition.following.handovers.need_none()
    return partition


def turns_of(outcomes):
    """Changes as the oracle foresees them, by profile and segment."""
    turns = {}
    for profile_id, outcome in outcomes:
        for change in outcome.changes:
            turn = Turn(change.segment_id, change.kind, change.occurred_at_ms)
            turns.setdefault((profile_id, change.segment_id), []).append(turn)
    return turns


def members_of(partition):
    members = {}
    for profile_id in partition.shelf.ids():
        for tag in partition.state_of(profile_id).tags:
            members.setdefault(tag.segment_id, set()).add(profile_id)
    return members


def whole(segments, records):
    partition = partition_of(segments)
    return partition.feed(TOPIC, records).outcomes + drain(partition)


@often
@given(dynamic_segments(), records())
def test_every_turn_is_told_when_the_oracle_says_so(segments, records):
    told = turns_of(whole(segments, records))
    expected = {}
    for profile_id, turns in expected_turns(segments, records, RULES).items():
        for turn in turns:
            expected.setdefault((profile_id, turn.segment_id), []).append(turn)
    assert told == expected


@often
@given(dynamic_segments(), records(), st.sampled_from([0, 0, 1, 20, 49, 50, 99, 100, 250, 400]))
def test_members_are_those_of_any_instant(segments, records, later_ms):
    taken = [at_ms for _, _, at_ms in readable(records, RULES)]
    as_of_ms = max([*taken, records[-1].timestamp - GRACE_MS]) + later_ms
    partition = partition_of(segments)
    partition.feed(TOPIC, records)
    partition.tick(as_of_ms + GRACE_MS + 1)
    wanted = members_as_of(segments, records, as_of_ms, RULES)
    assert members_of(partition) == {segment_id: found for segment_id, found in wanted.items() if found}


@often
@given(segments(count=2), dynamic_segments(others=("s0", "s1")), records(), st.data())
def test_it_does_not_matter_how_records_are_chunked_and_time_is_told(live, dynamic, records, data):
    partition = partition_of([*live, *dynamic])
    outcomes = []
    for number, record in enumerate(records):
        if data.draw(st.booleans()):
            before_ms = records[number - 1].timestamp if number else record.timestamp
            outcomes += partition.tick(data.draw(st.integers(before_ms, record.timestamp))).outcomes
        outcomes += partition.feed(TOPIC, [record]).outcomes
    outcomes += drain(partition)
    assert_agreement(outcomes, told_by(whole([*live, *dynamic], records)))


@often
@given(segments(count=2), dynamic_segments(others=("s0", "s1")), records(), st.data())
def test_a_state_goes_round_at_any_instant(live, dynamic, records, data):
    cut = data.draw(st.integers(0, len(records)))
    first = partition_of([*live, *dynamic])
    outcomes = first.feed(TOPIC, records[:cut]).outcomes
    if cut and data.draw(st.booleans()):
        outcomes += first.tick(records[cut - 1].timestamp + data.draw(st.integers(0, 400))).outcomes
    clock_ms = first.clock_ms
    second = partition_of([*live, *dynamic])
    for profile_id, outcome in outcomes:
        second.restore(profile_id, outcome.state, outcome.sequence, outcome.events_offset)
    again = data.draw(st.integers(0, cut))
    later = [one._replace(timestamp=max(one.timestamp, clock_ms)) for one in records[cut:]]
    outcomes += second.feed(TOPIC, [*records[again:cut], *later]).outcomes + drain(second)
    alone = partition_of([*live, *dynamic])
    expected = alone.feed(TOPIC, records[:cut]).outcomes + alone.tick(clock_ms).outcomes
    expected += alone.feed(TOPIC, later).outcomes + drain(alone)
    assert_agreement(outcomes, told_by(expected))


@seldom
@given(dynamic_segments(), records(others=False), st.data())
def test_a_duplicate_changes_nothing(segments, records, data):
    records = [one for one in records if b"event_id" in one.value and time_of(one) <= one.timestamp + FUTURE_MS]
    if not records:
        return
    source = data.draw(st.integers(0, len(records) - 1))
    at = data.draw(st.integers(source + 1, len(records)))
    copy = records[source]._replace(timestamp=records[min(at, len(records) - 1)].timestamp)
    twice = [one._replace(offset=offset) for offset, one in enumerate([*records[:at], copy, *records[at:]])]
    assert turns_of(whole(segments, twice)) == turns_of(whole(segments, records))


@seldom
@given(dynamic_segments(), records())
def test_no_two_changes_have_one_id_and_what_is_added_is_not_there(segments, records):
    known, held = set(), set()
    for profile_id, outcome in whole(segments, records):
        for change in outcome.changes:
            assert change.change_id not in known
            known.add(change.change_id)
            place = (profile_id, change.segment_id)
            assert (place in held) == (change.kind == "removed")
            (held.remove if change.kind == "removed" else held.add)(place)


@often
@given(dynamic_segments(version=1), dynamic_segments(version=2), records(), st.data())
def test_an_edit_is_handed_over_without_a_gap_or_a_double(before, after, records, data):
    """The old rules run from the start; the new ones are adopted, handed their history and made ready at any points.

    A repeat whose first coming nobody followed yet is an event of its own, and an erasure that overtakes the hand-over
    is the batch agent's to respect: neither is in these histories.
    """
    records = once(records)
    adopted = data.draw(st.integers(0, len(records)))
    below = data.draw(st.integers(adopted, len(records)))
    ready = data.draw(st.integers(below, len(records)))
    partition = partition_of(before, built=False)
    partition.adopted(0)
    outcomes = partition.feed(TOPIC, records[:adopted]).outcomes
    partition.adopt(Catalog(after))
    partition.adopted(records[adopted - 1].offset + 1 if adopted else 0)
    for chunk in (records[adopted:below], records[below:ready]):
        outcomes += partition.feed(TOPIC, chunk).outcomes
    for segment in after:
        outcomes += hand_over(partition, segment, records[:below], records[ready - 1].timestamp if ready else 0, data)
    outcomes += partition.feed(TOPIC, records[ready:]).outcomes
    as_of_ms = max([at_ms for _, _, at_ms in readable(records, RULES)] + [records[-1].timestamp])
    while partition._unjudged or partition._unswept:
        partition.tick(records[-1].timestamp, sweep=1)
    partition.tick(as_of_ms + GRACE_MS + 1)
    wanted = members_as_of(after, records, as_of_ms, RULES)
    assert members_of(partition) == {segment_id: found for segment_id, found in wanted.items() if found}


def once(records):
    """The history without erasures and repeats."""
    known, kept = set(), []
    for record in records:
        event_id = json.loads(record.value).get("event_id")
        if b'"erase"' not in record.value and (event_id is None or event_id not in known):
            known.add(event_id)
            kept.append(record)
    return kept or records[:1]


def hand_over(partition, segment, records, arrival_ms, data):
    """What the batch agent does: the newest entries of each leaf for each profile, then the word that this was all."""
    pasts = {}
    for record, read, at_ms in readable(records, RULES):
        past = pasts.setdefault(read.profile_id, Past())
        known = len(past.events)
        past.take(read, at_ms)
        for event in past.events[known:]:
            event["offset"] = record.offset
    commands = []
    for profile_id, past in pasts.items():
        performed = [leaf for leaf in leaves(segment.rule) if hasattr(leaf, "leaf")]
        entries = tuple(
            Performed(
                leaf.leaf,
                tuple(sorted(((one["at_ms"], one["offset"]) for one in past.done(leaf)), reverse=True)),
            )
            for leaf in performed
        )
        commands.append(Backfill(profile_id, segment.segment_id, segment.version, 0, entries))
    if data.draw(st.booleans()):
        commands += commands[:2]
    below_offset = records[-1].offset + 1 if records else 0
    commands.append(Ready(segment.segment_id, segment.version, below_offset))
    first = partition.handovers_asked = getattr(partition, "handovers_asked", 0)
    partition.handovers_asked = first + len(commands)
    sent = [
        StoredRecord(first + number, arrival_ms, key_of(command), encode(command))
        for number, command in enumerate(commands)
    ]
    return partition.obey(sent).outcomes
