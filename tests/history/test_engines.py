"""The same definitions and the same history, asked of every engine: the same members."""

import os
import random
import shutil
import subprocess
import sys

import clickhouse_connect
import pyarrow as pa
import pytest

from octyseg.errors import Unavailable, UsageError
from octyseg.history.engine_clickhouse import made
from octyseg.history.evaluate import asked_in, evaluate
from octyseg.history.source import of_lines
from octyseg.model.definitions.reading.loading import read_definitions
from tests.history.test_past import DAY_MS, NOW_MS, refuse, written

SEGMENTS = b"""
kind: segments
segmentDefinitions:
  - {segmentName: one, segmentType: past, segmentSubtype: 1, segmentTimeframe: 3, eventSequence: [
      {eventType: buy, eventProperties: {a: 1}, actionInaction: action}]}
  - {segmentName: two, segmentType: past, segmentSubtype: 2, segmentTimeframe: 3, eventSequence: [
      {eventType: view, actionInaction: action}, {eventType: buy, actionInaction: action},
      {eventType: login, actionInaction: inaction}], inactionScope: after_last_action}
  - {segmentName: three, segmentType: past, segmentSubtype: 1, segmentTimeframe: 2, eventSequence: [
      {eventType: login, actionInaction: action}, {eventType: view, actionInaction: action},
      {eventType: buy, actionInaction: action}]}
  - {segmentName: any order, segmentType: past, segmentSubtype: 4, segmentTimeframe: 4, ordered: false,
      profilePropertyName: plan, profilePropertyValue: gold, eventSequence: [
      {eventType: buy, eventProperties: {a: red}, actionInaction: action}, {eventType: buy, actionInaction: action},
      {eventType: view, eventProperties: {b: true}, actionInaction: inaction}]}
  - {segmentName: seldom, segmentType: dynamic, conditions: {all: [
      {performed: buy, count: {atMost: 2}, within: {days: 2}}, {not: {attribute: plan, operator: eq, value: gold}}]}}
  - {segmentName: seldom and seen, segmentType: dynamic, conditions: {all: [
      {segment: seldom}, {performed: view, count: {atLeast: 2}}]}}
"""
ENGINES = [
    "duckdb",
    "clickhouse",
    pytest.param("spark", marks=pytest.mark.skipif(shutil.which("java") is None, reason="SPARK NEEDS JAVA")),
]


def shopping(seed):
    """A thousand events of fifty profiles, copies among them, and what is said of some."""
    chance = random.Random(seed)
    events = [
        (
            f"p{chance.randrange(50)}",
            -chance.randrange(5 * DAY_MS),
            chance.choice(["login", "buy", "view"]),
            chance.choice([{}, {"a": 1}, {"a": 1.0, "b": True}, {"a": "red"}, {"a": "1"}, {"b": None}]),
            chance.choice([None, None, f"e{chance.randrange(100)}"]),
        )
        for _ in range(1_000)
    ]
    return written(events, [(f"p{number}", chance.choice(["gold", "tin"])) for number in range(0, 60, 2)])


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.filterwarnings("ignore:PySpark does not yet fully support pandas:FutureWarning")
def test_every_engine_gives_the_members_that_duckdb_gives(engine, monkeypatch):
    # A thousand events are not worth the compilers that Spark's Java would use for millions.
    monkeypatch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
    asked = asked_in(read_definitions(SEGMENTS, "segments").segments)
    history = of_lines(shopping(11), NOW_MS, refuse)
    expected = evaluate(asked, history, NOW_MS)
    assert all(expected.values()), "every segment has members"
    assert evaluate(asked, history, NOW_MS, engine) == expected


@pytest.fixture
def clickhouse(tmp_path_factory):
    """A server of the test's own, as a process; what it leaves when it is killed goes with the test's files."""
    command = [sys.executable, "-m", "tests.history.clickhouse_server"]
    env = os.environ | {"TMPDIR": str(tmp_path_factory.mktemp("clickhouse"))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        yield process
        process.kill()


@pytest.fixture
def clickhouse_server(clickhouse):
    """Its address."""
    return f"clickhouse://default:@127.0.0.1:{clickhouse.stdout.readline().strip()}/"


@pytest.mark.slow
def test_a_clickhouse_server_gives_them_too_and_keeps_nothing(clickhouse_server):
    asked = asked_in(read_definitions(SEGMENTS, "segments").segments)
    history = of_lines(shopping(11), NOW_MS, refuse)
    assert evaluate(asked, history, NOW_MS, clickhouse_server) == evaluate(asked, history, NOW_MS)
    with clickhouse_connect.get_client(dsn=clickhouse_server) as client:
        databases = client.command("SELECT groupArray(name) FROM system.databases")
    assert "octyseg" not in databases


def test_a_clickhouse_server_that_is_away_is_one_clear_error():
    with pytest.raises(Unavailable, match="OCTYSEG_HISTORY__ENGINE does not serve"):
        evaluate([], of_lines([], NOW_MS, refuse), NOW_MS, "clickhouse://127.0.0.1:9/")


@pytest.mark.slow
def test_a_clickhouse_server_that_goes_away_may_keep_what_is_named(clickhouse, clickhouse_server, tmp_path):
    told = "OCTYSEG_HISTORY__ENGINE does not serve.*drop the database octyseg_"

    def work():
        with made(clickhouse_server, tmp_path) as engine:
            clickhouse.kill()
            clickhouse.wait()
            engine.table("late", pa.table({"a": [1]}))

    with pytest.raises(Unavailable, match=told):
        work()


def test_an_engine_nobody_has_is_named():
    with pytest.raises(UsageError, match='"oracle" is no engine of history: write duckdb'):
        evaluate([], of_lines([], NOW_MS, refuse), NOW_MS, "oracle")
