"""The laws of the engine over generated histories, the first one against an oracle written apart from it."""

from collections import Counter

from hypothesis import assume, given
from hypothesis import strategies as st

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.engine.rules import Rules
from tests.engine.agreement import assert_agreement, told_by
from tests.engine.histories import crowds, records, segments
from tests.engine.story import FUTURE_MS, GRACE_MS, HORIZON_MS, MAX_AGE_MS, RULES, TOPIC, time_of
from tests.simulation.oracle import expected_changes
from tests.tries import tries

often, seldom = tries(200), tries(75)


def drain(partition):
    """Let time pass until nothing is due; gives the outcomes."""
    outcomes = []
    for _ in range(1_000):
        due_ms = partition.next_due()
        if due_ms is None:
            return outcomes
        partition.committed(1_000_000)
        outcomes += partition.tick(due_ms + 1).outcomes
    raise AssertionError("time does not come to an end")


def whole(segments, records, rules=RULES):
    """All outcomes of a history that is fed at once."""
    partition = Partition(Catalog(segments), rules)
    return partition.feed(TOPIC, records).outcomes + drain(partition)


@often
@given(segments(), records())
def test_the_engine_agrees_with_the_oracle(segments, records):
    assert_agreement(whole(segments, records), expected_changes(segments, records, RULES))


@often
@given(segments(), records(), st.data())
def test_live_equals_replay_however_records_are_chunked_and_time_is_told(segments, records, data):
    partition = Partition(Catalog(segments), RULES)
    outcomes = []
    for number, record in enumerate(records):
        step = data.draw(st.sampled_from(["with the next", "alone", "alone, then a tick", "alone, committed, ticked"]))
        before_ms = records[number - 1].timestamp if number else record.timestamp
        if "tick" in step:
            # Time is told up to the arrival of the next record, which may come at that very instant.
            clock_ms = data.draw(st.integers(before_ms, record.timestamp))
            if "committed" in step:
                partition.committed(record.offset)
            outcomes += partition.tick(clock_ms).outcomes
        outcomes += partition.feed(TOPIC, [record]).outcomes
    outcomes += drain(partition)
    assert_agreement(outcomes, told_by(whole(segments, records)))


@often
@given(segments(), st.one_of(records(), crowds()), st.integers(1, 3))
def test_nothing_depends_on_how_often_others_may_work_in_between(segments, records, most):
    # So far into the future that also records with silences between them are decoded in lots.
    rules = Rules(GRACE_MS, HORIZON_MS, MAX_AGE_MS, 10_000)
    at_once, in_pieces = Partition(Catalog(segments), rules), Partition(Catalog(segments), rules)
    expected = at_once.feed(TOPIC, records)
    pieces, clocks, behind = [], [], []
    for piece in in_pieces.feed_in_pieces(TOPIC, records, most):
        pieces.append(piece)
        clocks.append(in_pieces.clock_ms)
        behind.append(in_pieces.is_behind)
    assert behind == [True] * (len(pieces) - 1) + [False]
    assert clocks == sorted(clocks)
    assert clocks[-1] == at_once.clock_ms
    assert sum((piece.counts for piece in pieces), Counter()) == expected.counts
    assert [refused.record for piece in pieces for refused in piece.refused] == [one.record for one in expected.refused]
    outcomes = [outcome for piece in pieces for outcome in piece.outcomes]
    assert_agreement(outcomes + drain(in_pieces), told_by(expected.outcomes + drain(at_once)))


@often
@given(segments(), records(), st.data())
def test_a_state_goes_round_at_any_instant(segments, records, data):
    cut = data.draw(st.integers(0, len(records)))
    first = Partition(Catalog(segments), RULES)
    outcomes = first.feed(TOPIC, records[:cut]).outcomes
    second = Partition(Catalog(segments), RULES)
    for profile_id, outcome in outcomes:
        second.restore(profile_id, outcome.state, outcome.sequence, outcome.events_offset)
    # What was not committed is read again, and skipped for whom it was applied.
    again = data.draw(st.integers(0, cut))
    outcomes += second.feed(TOPIC, records[again:]).outcomes + drain(second)
    assert_agreement(outcomes, told_by(whole(segments, records)))


@often
@given(segments(), records(others=False), st.data())
def test_a_duplicate_changes_nothing(segments, records, data):
    # Every event has an id, so that offsets play no part; one from the future was refused and is not known.
    records = [one for one in records if b"event_id" in one.value and time_of(one) <= one.timestamp + FUTURE_MS]
    assume(records)
    source = data.draw(st.integers(0, len(records) - 1))
    at = data.draw(st.integers(source + 1, len(records)))
    copy = records[source]._replace(timestamp=records[min(at, len(records) - 1)].timestamp)
    twice = [one._replace(offset=offset) for offset, one in enumerate([*records[:at], copy, *records[at:]])]
    assert_agreement(whole(segments, twice), told_by(whole(segments, records)))


@often
@given(
    segments(conditions=False, count=1),
    records(in_order=True, others=False),
    st.sampled_from([1, 19, 20, 21, 100, 350]),
)
def test_the_grace_changes_nothing_when_records_come_in_order(segments, records, grace_ms):
    rules = Rules(grace_ms, HORIZON_MS, MAX_AGE_MS, FUTURE_MS)
    told = whole(segments, records, rules)
    assert_agreement(told, told_by(whole(segments, records, Rules(0, HORIZON_MS, MAX_AGE_MS, FUTURE_MS))))


@seldom
@given(segments(), records())
def test_there_is_no_change_without_a_cause(segments, records):
    known = {}
    partition = Partition(Catalog(segments), RULES)
    for record in records:
        for profile_id, outcome in partition.feed(TOPIC, [record]).outcomes:
            for change in outcome.changes:
                assert_caused(change, known.get(profile_id, set()) | ids_of(record))
        known.setdefault(record.key.decode(), set()).update(ids_of(record))
    for profile_id, outcome in drain(partition):
        for change in outcome.changes:
            assert_caused(change, known[profile_id])


def assert_caused(change, known):
    assert change.reason == "erased" or change.cause
    assert known.issuperset(change.cause), f"{change} names events that nobody sent"


def ids_of(record):
    _, named, rest = record.value.partition(b'"event_id": "')
    return {rest.split(b'"')[0].decode() if named else f"{TOPIC}-0-{record.offset}"}


@seldom
@given(segments(), records(), st.integers(0, 600))
def test_a_tick_twice_is_a_tick_once(segments, records, later_ms):
    partition = Partition(Catalog(segments), RULES)
    partition.feed(TOPIC, records)
    clock_ms = records[-1].timestamp + later_ms
    partition.tick(clock_ms)
    before = {profile_id: partition.state_of(profile_id) for profile_id in ("ada", "bob")}
    assert partition.tick(clock_ms).outcomes == []
    assert partition.tick(clock_ms - 1).outcomes == []
    assert before == {profile_id: partition.state_of(profile_id) for profile_id in ("ada", "bob")}


@seldom
@given(segments(), records())
def test_a_sequence_rises_by_one_with_each_change_and_each_profile_record(segments, records):
    partition = Partition(Catalog(segments), RULES)
    sequences = {}
    for record in records:
        for profile_id, outcome in partition.feed(TOPIC, [record]).outcomes:
            last = sequences.get(profile_id, 0)
            expected = list(range(last + 1, last + 1 + len(outcome.changes)))
            assert [change.sequence for change in outcome.changes] == expected
            steps = len(expected) + (b'"type": "' in record.value and profile_id == record.key.decode())
            assert outcome.sequence == last + steps
            sequences[profile_id] = outcome.sequence
