"""The benchmarks still run, and what they tell is computed as they say. No figure is judged here."""

import pytest
from rich.console import Console

from tests.benchmarks import report
from tests.benchmarks.__main__ import Bench
from tests.benchmarks.measured import Measured
from tests.benchmarks.table import ROWS

EVENTS = 2_000
# Maven brings it, some 85 MB: not in every run of the tests.
FLINK = "j"


@pytest.fixture
def console(tmp_path):
    with (tmp_path / "told").open("w") as told:
        yield Console(file=told)


def rounds(*rates):
    return [Measured(rate, 1.0, 2.0) for rate in rates]


def test_a_ratio_is_the_middle_of_the_ratios_within_each_round():
    found = report.summary({"a": rounds(100, 200, 400), "b": rounds(50, 180, 100)})
    assert found["ratios"] == {"b_over_a": 0.5}
    assert found["ratios_per_cpu_s"] == {"b_over_a": 0.5}
    assert found["rows"]["b"]["events_per_s"] == 100
    assert found["rows"]["b"]["best_events_per_s"] == 180


def test_a_row_that_ran_once_is_compared_with_the_middle_of_the_other_rows_rounds():
    assert report.summary({"b": rounds(100, 400, 200), "c": rounds(10)})["ratios"] == {"b_over_c": 20.0}


def test_what_was_measured_survives_the_way_between_processes():
    measured = Measured(3, 2.0, 1.0, 5.0, {"peak_mib": 7})
    assert Measured.read(measured.line()) == measured


@pytest.mark.slow
def test_replay_and_the_engine_are_measured_over_every_event(console):
    bench = Bench(None, EVENTS, console)
    for row in ROWS:
        if row.key in {"d", "g"}:
            bench.measure(row)
    assert {key: found[0].events for key, found in bench.rounds.items()} == {"d": EVENTS, "g": EVENTS}


@pytest.mark.kafka
@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("keys", ["a b e", pytest.param("a a2 b b' c e f i", marks=pytest.mark.faults)])
def test_the_rows_on_kafka_still_handle_every_event(kafka_broker, console, keys):
    bench = Bench(kafka_broker.url, EVENTS, console)
    for row in ROWS:
        if row.key in keys.split():
            bench.measure(row)
    assert {found[0].events for found in bench.rounds.values()} == {EVENTS}
    assert " ".join(bench.rounds) == keys
    report.show(report.summary(bench.rounds), console)


@pytest.mark.kafka
@pytest.mark.faults
@pytest.mark.timeout(900)
def test_what_is_written_for_flink_detects_what_the_engine_does(kafka_broker, console):
    bench = Bench(kafka_broker.url, 50_000, console)
    for row in ROWS:
        if row.key in {"i", FLINK}:
            bench.measure(row)
    ours, theirs = (bench.rounds[key][0].more["changes"] for key in ("i", FLINK))
    # Their clock is that of the slowest partition, and they know no action that arrives after its inaction.
    assert theirs == pytest.approx(ours, rel=0.05)
