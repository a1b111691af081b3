"""`octyseg history`: what the archive has, and which of its files count."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from octyseg.history.archive import Archive
from octyseg.history.rows import row_of
from octyseg.model.record import Event

NOON_MS = 1_780_012_800_000
DAY_MS = 24 * 60 * 60 * 1000


@pytest.fixture
def archive(monkeypatch, tmp_path):
    """Four events of two days, in three files."""
    monkeypatch.setenv("OCTYSEG_HISTORY__DIRECTORY", str(tmp_path / "history"))
    archive = Archive(tmp_path / "history", 0)
    archive.open()
    at = [NOON_MS, NOON_MS - DAY_MS, NOON_MS, NOON_MS]
    rows = [row_of(Event("ada", "buy", {}), at_ms, place) for place, at_ms in enumerate(at)]
    archive.write(rows[:2], [], 0, 2)
    archive.write(rows[2:], [], 2, 4)
    return archive


@pytest.mark.usefixtures("archive")
def test_describe_says_how_much_there_is(octyseg):
    (described,) = json.loads(octyseg("history", "describe", "-o", "json").out)["partitions"]
    assert (described["events"], described["files"], described["reached"]) == (4, 3, 4)
    assert (described["first_day"], described["last_day"]) == ("2026-05-28", "2026-05-29")


def test_files_are_those_that_hold_every_event_once(octyseg, archive):
    archive.compact(1)
    assert len(list(archive.directory.rglob("*.parquet"))) == 4, "what was put together stays for a while"
    listed = octyseg("history", "files").out.split()
    assert [Path(path).parent.name for path in listed] == ["2026-05-28", "2026-05-29"]
    assert sorted(place for path in listed for place in pq.read_table(path)["place"].to_pylist()) == [0, 1, 2, 3]
    assert json.loads(octyseg("history", "files", "-o", "json").out) == listed


def test_no_history_yet_is_said_so(octyseg, tmp_path, monkeypatch):
    monkeypatch.setenv("OCTYSEG_HISTORY__DIRECTORY", str(tmp_path / "nowhere"))
    assert octyseg("history", "files").out == ""
    assert "no history in" in octyseg("history", "describe").err
