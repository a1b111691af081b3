"""`octyseg evaluate`: members by a file of events."""

import gzip
import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from octyseg.history.source import of_lines

EXAMPLES = Path(__file__).parents[2] / "examples"
LINES = [
    {"profile_id": "eve", "event_type": "complaint", "event_properties": {}, "created_at": "2026-02-10T12:00:00Z"},
    {"profile_id": "ada", "event_type": "complaint", "event_properties": {}, "created_at": "2026-02-11T12:00:00Z"},
    {"profile_id": "ada", "event_type": "charged", "event_properties": {}, "created_at": "2026-02-12T12:00:00Z"},
]
WORST = [{"profile_id": "eve", "segment_tag": "Worst customers"}]
LOST = [{"profile_id": "eve", "segment_tag": "Lost after a complaint"}]


@pytest.fixture
def events(tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in LINES))
    return file


def told(ended):
    assert ended.code == 0, ended.err
    return [json.loads(line) for line in ended.out.splitlines()]


def evaluated(octyseg, events, as_of="2026-02-13T00:00:00Z", *more):
    return octyseg("evaluate", events, "-f", EXAMPLES / "past.yaml", "--as-of", as_of, "-o", "json", *more)


def test_each_member_is_a_line(octyseg, events):
    assert told(evaluated(octyseg, events)) == [*WORST, *LOST]
    assert told(evaluated(octyseg, events, "2026-02-10T11:59:59.999Z")) == []


def test_the_instant_may_be_epoch_milliseconds(octyseg, events):
    assert told(evaluated(octyseg, events, "1770940800000")) == [*WORST, *LOST]


def test_events_may_be_gzipped_or_rows_of_parquet(octyseg, tmp_path, events):
    packed = tmp_path / "events.gz"
    packed.write_bytes(gzip.compress(events.read_bytes()))
    assert told(evaluated(octyseg, packed)) == [*WORST, *LOST]
    rows = tmp_path / "rows.parquet"
    pq.write_table(of_lines(events.read_bytes().splitlines(), 2**42, pytest.fail).rows, rows)
    assert told(evaluated(octyseg, rows)) == [*WORST, *LOST]


def test_a_table_is_for_people(octyseg, events):
    ended = octyseg("evaluate", events, "-f", EXAMPLES / "past.yaml", "--as-of", "2026-02-13T00:00:00Z")
    assert [line.rstrip().split(maxsplit=1) for line in ended.out.splitlines()] == [
        ["PROFILE", "SEGMENT"],
        ["eve", "Worst customers"],
        ["eve", "Lost after a complaint"],
    ]


def test_a_bad_line_is_named_and_its_neighbours_count(octyseg, tmp_path, events):
    file = tmp_path / "some.jsonl"
    file.write_text('{"profile_id": 7}\n' + events.read_text())
    ended = evaluated(octyseg, file)
    assert told(ended) == [*WORST, *LOST]
    assert f"{file}:1: bad_field" in ended.err
    assert "1 records were refused and had no effect: bad_field 1" in ended.err


def test_segments_that_history_does_not_decide_are_named(octyseg, events):
    words = ("evaluate", events, "-f", EXAMPLES / "segments.yaml", "--as-of", "2026-02-13T00:00:00Z", "-o", "json")
    ended = octyseg(*words)
    assert told(ended) == []
    assert "left out, for history does not decide them: Abandoned checkout" in ended.err


@pytest.mark.parametrize("as_of", ["yesterday", "2026-02-13", "2026-02-13T00:00:00", "12", "-5"])
def test_what_is_no_instant_is_said(octyseg, events, as_of):
    ended = octyseg("evaluate", events, "-f", EXAMPLES / "past.yaml", f"--as-of={as_of}")
    assert ended.code == 2
    assert f'octyseg: --as-of "{as_of}" is no instant: write RFC 3339' in ended.err


def test_a_file_of_something_else_is_said(octyseg, tmp_path):
    file = tmp_path / "broken.parquet"
    file.write_bytes(b"PAR1 and no more")
    ended = evaluated(octyseg, file)
    assert ended.code == 2
    assert f"octyseg: {file}: cannot be read as Parquet" in ended.err


def test_an_engine_nobody_has_is_said(octyseg, events):
    ended = evaluated(octyseg, events, "2026-02-13T00:00:00Z", "--engine", "oracle")
    assert ended.code == 2
    assert 'octyseg: "oracle" is no engine of history' in ended.err
