import io
import json
import sys

import pytest

from tests.cli.conftest import SEGMENTS


@pytest.fixture
def applied(octyseg, segments_file):
    code, out, _ = octyseg("apply", "-f", segments_file)
    assert code == 0
    return out


def test_validate_names_what_is_valid(octyseg, segments_file):
    code, out, _ = octyseg("validate", "-f", segments_file, "-o", "json")
    assert (code, json.loads(out)) == (0, {"valid": [{"kind": "segment", "name": "Buyer"}], "warnings": []})


def test_validate_says_file_line_and_rule_of_every_problem(octyseg, tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text(SEGMENTS.replace("live", "alive").replace("expTimeframe: 0", "expTimeframe: -1"))
    code, out, err = octyseg("validate", "-f", file)
    assert (code, out) == (2, "")
    assert f"octyseg: {file}:5:" in err
    assert "V2" in err
    assert len(err.splitlines()) > 1


def test_validate_reads_stdin(octyseg, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(SEGMENTS.encode())))
    code, out, _ = octyseg("validate", "-f", "-")
    assert code == 0
    assert "Buyer" in out


def test_a_file_that_is_not_there_is_asked_wrongly(octyseg, tmp_path):
    code, _, err = octyseg("validate", "-f", tmp_path / "absent.yaml")
    assert code == 2
    assert "absent.yaml" in err


def test_apply_creates_a_segment_once(octyseg, segments_file, applied):
    assert applied.startswith('+ segment "Buyer" (segment_')
    code, out, _ = octyseg("apply", "-f", segments_file)
    assert (code, out[0]) == (0, "=")


def test_a_dry_run_changes_nothing(octyseg, segments_file):
    code, out, _ = octyseg("apply", "-f", segments_file, "--dry-run", "-o", "json")
    assert code == 0
    assert json.loads(out)["created"] == [{"kind": "segment", "name": "Buyer", "id": None, "fields": []}]
    assert octyseg("diff", "-f", segments_file).code == 1


def test_diff_tells_by_its_exit_code(octyseg, segments_file, applied):
    assert octyseg("diff", "-f", segments_file).code == 0
    segments_file.write_text(SEGMENTS.replace("charged", "churned"))
    code, out, _ = octyseg("diff", "-f", segments_file)
    assert code == 1
    assert '    event_sequence[0].event_type: "charged" -> "churned"' in out
    segments_file.write_text("kind: nonsense")
    assert octyseg("diff", "-f", segments_file).code == 2


def test_diff_without_a_log_is_no_difference_but_an_error(octyseg, segments_file, tmp_path):
    code, _, err = octyseg("diff", "-f", segments_file)
    assert code == 2
    assert f"there is no log at {tmp_path / 'o.db'}" in err
    assert not (tmp_path / "o.db").exists()


def test_a_failure_is_not_taken_for_a_difference(octyseg, segments_file, applied, tmp_path):
    (tmp_path / "o.db").write_bytes(b"SQLite format 3\x00" + bytes(4000))
    assert octyseg("diff", "-f", segments_file).code == 2


def test_what_was_applied_is_listed_with_its_members(octyseg, applied):
    code, out, _ = octyseg("get", "segments", "-o", "json")
    (segment,) = json.loads(out)
    assert code == 0
    assert (segment["segment_name"], segment["segment_status"], segment["profile_count"]) == ("Buyer", "active", 0)
    assert segment["segment_id"] in applied
    assert "Buyer" in octyseg("get", "segments").out


def test_members_that_cannot_be_counted_do_not_hide_the_segments(octyseg, applied, monkeypatch, tmp_path):
    monkeypatch.setenv("OCTYSEG_REDIS", f"unix://{tmp_path}/none.sock")
    code, out, err = octyseg("get", "segments", "-o", "json")
    assert (code, json.loads(out)[0]["profile_count"]) == (0, None)
    assert "warning: members are not counted: redis does not serve" in err


def test_event_types_are_listed(octyseg, tmp_path):
    file = tmp_path / "types.yaml"
    file.write_text("kind: eventTypes\neventTypeDefinitions:\n  - {eventType: login, eventProperties: [device]}\n")
    octyseg("apply", "-f", file)
    code, out, _ = octyseg("get", "event-types", "-o", "json")
    assert code == 0
    (login,) = json.loads(out)
    assert (login["event_type"], login["event_properties"]) == ("login", ["device"])
    assert login["event_type_id"].startswith("custom_event_type_")
    assert "login" in octyseg("get", "event-types").out


def test_a_deleted_segment_is_pending_and_deleting_twice_is_no_error(octyseg, applied):
    code, out, _ = octyseg("delete", "segment", "Buyer")
    assert (code, out[0]) == (0, "-")
    assert json.loads(octyseg("get", "segments", "-o", "json").out)[0]["segment_status"] == "pending_deletion"
    assert octyseg("delete", "segment", "Buyer").code == 0


def test_deleting_what_is_not_there_suggests_the_nearest(octyseg, applied):
    code, _, err = octyseg("delete", "segment", "Buyers")
    assert (code, err) == (2, 'octyseg: there is no segment "Buyers": did you mean "Buyer"?\n')
