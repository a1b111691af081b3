import json
import os
import signal
import subprocess
import sys
import time

import pytest

from tests.cli.test_records import lines

MAIN = [sys.executable, "-c", "from octyseg.cli import main; main()"]
DEADLINE_S = 30


def now(**fields):
    return json.dumps({"profile_id": "ada", "event_type": "charged", "event_properties": {}, **fields})


@pytest.fixture
def dev():
    """`octyseg dev` in a process of its own, ready."""
    with subprocess.Popen([*MAIN, "dev", "--port", "0"], env=os.environ, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "is ready" in line:
                break
        yield process
        process.kill()


def until(look):
    give_up_at = time.monotonic() + DEADLINE_S
    while not (found := look()):
        assert time.monotonic() < give_up_at, "nothing came"
    return found


def test_verbs_work_beside_dev_and_it_ends_cleanly(octyseg, segments_file, tmp_path, dev):
    octyseg("apply", "-f", segments_file)
    events = tmp_path / "events.jsonl"
    events.write_text(now() + "\n")

    def tagged():
        octyseg("produce", events)
        return lines(octyseg("tail", "tags", "-o", "json").out)

    change = until(tagged)[0]["value"]
    assert (change["profile_id"], change["segment_tag"], change["kind"]) == ("ada", "Buyer", "added")
    until(lambda: json.loads(octyseg("get", "segments", "-o", "json").out)[0]["profile_count"] == 1)
    assert until(lambda: octyseg("get", "profile", "ada").out)
    code, _, err = octyseg("dev")
    assert (code, "runs in another process" in err) == (2, True)
    dev.send_signal(signal.SIGTERM)
    assert dev.wait(DEADLINE_S) == 0
    assert octyseg("projection", "check").code == 0


def test_dev_wants_an_embedded_log(octyseg, monkeypatch):
    monkeypatch.setenv("OCTYSEG_LOG", "kafka://127.0.0.1:9")
    code, _, err = octyseg("dev")
    assert code == 2
    assert "run `octyseg worker all` there" in err
