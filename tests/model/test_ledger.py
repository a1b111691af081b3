"""The ledger of runs: one at a time of each segment, and repeats of any record change nothing."""

from hypothesis import given
from hypothesis import strategies as st

from octyseg.model.ledger import ENDED_KEPT, Ledger
from octyseg.model.run import Demand, Order, Ordered, Report, decode, encode, key_of, run_id_of

NOW_MS = 1_780_000_000_000


def demand(run_id, segment="s", **fields):
    return Demand(run_id, segment, 1, "demanded", **fields)


def report(run_id, number, became="done", **fields):
    return Report(run_id, number, became, **fields)


def told(*records, slices=2):
    ledger = Ledger(slices)
    ended = [ledger.take(record, NOW_MS + at) for at, record in enumerate(records)]
    return ledger, [one.run_id for one in ended if one is not None]


def test_a_run_is_ready_once_all_its_slices_are():
    ledger, ended = told(demand("r"), report("r", 0, members=3, added=2), report("r", 1, members=4, removed=1))
    run = ledger.run("r")
    assert ended == ["r"]
    assert (run.status, run.as_of_ms, run.ended_ms) == ("ready", NOW_MS, NOW_MS + 2)
    assert [run.members, run.added, run.removed] == [7, 2, 1]
    assert ledger.was_ready("s", 1) is run
    assert ledger.was_ready("s", 2) is None


def test_a_run_fails_by_the_slice_that_failed_and_says_why():
    ledger, _ = told(demand("r"), report("r", 0), report("r", 1, "failed", error="no disk"))
    assert (ledger.run("r").status, ledger.run("r").error, ledger.run("r").is_void) == ("failed", "no disk", False)
    ledger, _ = told(demand("r"), report("r", 0), report("r", 1, "void"))
    assert (ledger.run("r").status, ledger.run("r").is_void) == ("failed", True)


def test_a_second_run_waits_and_a_third_that_wants_the_same_joins_it():
    ledger, _ = told(demand("a"), demand("b"), demand("c"), demand("d", as_of_ms=5))
    assert [one.run_id for one in ledger.building()] == ["a"]
    assert ledger.run("c") is ledger.run("b")
    assert ledger.run("b").waits
    for number in (0, 1):
        ledger.take(report("a", number), NOW_MS + 10)
    assert [one.run_id for one in ledger.building()] == ["b"]
    assert ledger.run("b").as_of_ms == NOW_MS + 10
    for number in (0, 1):
        ledger.take(report("b", number), NOW_MS + 20)
    assert ledger.run("d").as_of_ms == 5, "who names an instant gets it"


def test_another_segment_does_not_wait():
    ledger, _ = told(demand("a"), demand("b", "t"))
    assert [one.run_id for one in ledger.building()] == ["a", "b"]


def test_what_ended_long_ago_is_forgotten():
    ledger = Ledger(1)
    for number in range(ENDED_KEPT + 5):
        ledger.take(demand(f"r{number}"), NOW_MS)
        ledger.take(report(f"r{number}", 0), NOW_MS)
    assert len(ledger.runs()) == ENDED_KEPT
    assert ledger.run("r0") is None


RECORDS = st.lists(
    st.one_of(
        st.builds(demand, st.sampled_from("abc"), st.sampled_from("st"), as_of_ms=st.none() | st.just(7)),
        st.builds(
            report,
            st.sampled_from("abc"),
            st.integers(-1, 2),
            st.sampled_from(["done", "void", "failed"]),
            members=st.just(1),
        ),
        st.builds(Ordered, st.sampled_from("abc")),
    ),
    max_size=20,
)


def state(ledger):
    return [
        (run.run_id, run.waits, run.status, run.ordered, run.as_of_ms, run.slices_done, run.members)
        for run in ledger.runs()
    ]


@given(RECORDS)
def test_at_most_one_run_of_a_segment_is_building_and_a_repeat_changes_nothing(records):
    ledger = Ledger(2)
    for record in records:
        ledger.take(record, NOW_MS)
        before = state(ledger)
        assert ledger.take(record, NOW_MS) is None
        assert state(ledger) == before
        building = [one.segment_id for one in ledger.building()]
        assert len(building) == len(set(building))


@given(RECORDS)
def test_records_come_back_as_they_were_written(records):
    for record in [*records, Order("r", "s", 1, NOW_MS, 0)]:
        assert decode(encode(record)) == record
        assert key_of(record).decode().startswith(record.run_id)


def test_what_cannot_be_read_is_none():
    assert [decode(value) for value in (None, b"", b"{}", b'{"type":"wish"}', b"\xff")] == [None] * 5


def test_an_id_is_made_of_what_the_run_is_about():
    assert run_id_of("s", "scheduled", 1) == run_id_of("s", "scheduled", 1) != run_id_of("s", "scheduled", 2)
