import gzip
import json

from tests.projection.story import NAMESPACE

EVENT = {
    "profile_id": "ada",
    "event_type": "charged",
    "event_properties": {"item_id": "1"},
    "created_at": "2026-01-01T00:00:00Z",
}


def lines(out):
    return [json.loads(line) for line in out.splitlines()]


def test_the_same_seed_prints_the_same_traffic(octyseg):
    first = octyseg("simulate", "--events", 50, "--seed", 7)
    assert first.code == 0
    assert len(lines(first.out)) == 50
    assert lines(first.out)[0]["created_at"].startswith("2026-01-01T00:00:0")
    assert octyseg("simulate", "--events", 50, "--seed", 7).out == first.out
    assert octyseg("simulate", "--events", 50, "--seed", 8).out != first.out


def test_an_instant_without_a_zone_is_refused(octyseg):
    code, _, err = octyseg("simulate", "--start", "2026-01-01T00:00:00")
    assert (code, err) == (
        2,
        "octyseg: --start 2026-01-01T00:00:00 is no instant: write it like 2026-01-01T00:00:00Z\n",
    )


def test_traffic_can_go_straight_to_the_log(octyseg):
    code, out, err = octyseg("simulate", "--events", 20, "--rate", 1000, "--to-log")
    assert (code, out) == (0, "")
    assert err.startswith("sent 20 records")
    assert len(lines(octyseg("tail", "events", "--from-start", "-o", "json").out)) == 20


def test_a_file_is_sent_line_by_line_as_it_is(octyseg, tmp_path):
    file = tmp_path / "events.jsonl.gz"
    raw = [json.dumps(EVENT), "not json at all", json.dumps(EVENT | {"profile_id": "bob"})]
    file.write_bytes(gzip.compress("\n".join(raw).encode()))
    code, _, err = octyseg("produce", file)
    assert code == 0
    assert "sent 3 records" in err
    assert "1 of them name no profile" in err
    records = lines(octyseg("tail", "events", "--from-start", "-o", "json").out)
    assert [record["key"] for record in records] == ["ada", None, "bob"]
    assert [record["value"] for record in records] == [EVENT, "not json at all", EVENT | {"profile_id": "bob"}]


def test_sending_at_a_rate_sends_all(octyseg, tmp_path):
    file = tmp_path / "events.jsonl"
    file.write_text(f"{json.dumps(EVENT)}\n" * 30)
    code, _, err = octyseg("produce", file, "--rate", 2000)
    assert code == 0
    assert "sent 30 records" in err


def test_a_file_that_cannot_be_read_is_named(octyseg, tmp_path):
    code, _, err = octyseg("produce", tmp_path / "absent.jsonl")
    assert code == 2
    assert "absent.jsonl" in err


def test_tail_shows_the_last_records_by_arrival(octyseg, tmp_path, monkeypatch):
    monkeypatch.setenv("OCTYSEG_PARTITIONS", "4")
    octyseg("simulate", "--events", 40, "--rate", 10000, "--to-log")
    shown = lines(octyseg("tail", "events", "-n", 5, "-o", "json").out)
    everything = lines(octyseg("tail", "events", "--from-start", "-o", "json").out)
    assert len(everything) == 40
    assert [record["timestamp"] for record in shown] == sorted(record["timestamp"] for record in everything)[-5:]
    assert octyseg("tail", "events", "-n", 0).out == ""


def test_tail_gives_packed_records_their_names(octyseg, tell_story):
    async def happens(story):
        await story.claim()
        await story.tag("ada", "gold")
        await story.swept("old")
        await story.flush()
        await story.forget("ada")

    tell_story(happens)
    claim, tagged, swept, forgotten = lines(octyseg("tail", "outcomes", "-o", "json").out)
    assert claim["value"] == {"epoch": 2, "instance_id": "worker-0", "started_at_ms": claim["value"]["started_at_ms"]}
    assert tagged["value"]["changes"][0]["kind"] == "added"
    assert tagged["value"]["state"]["tags"][0]["segment_id"] == "gold"
    assert swept["value"]["segment_ids"] == ["old"]
    assert forgotten["value"]["state"] is None
    state, marker = lines(octyseg("tail", "state", "-o", "json").out)
    assert state["value"]["state"]["sequence"] == 1
    assert marker["value"]["outcomes_offset"] == 3
    assert "gold" in octyseg("tail", "octyseg.outcomes").out


def test_tail_shows_what_it_cannot_read(octyseg, tell_story):
    async def happens(story):
        await story.append((b"ada", b"\xc1\x00"))

    tell_story(happens)
    (record,) = lines(octyseg("tail", "outcomes", "-o", "json").out)
    assert record["value"] == "\\xc1\x00"


def test_an_unknown_topic_is_asked_wrongly(octyseg, segments_file):
    octyseg("apply", "-f", segments_file)
    code, _, err = octyseg("tail", "evnts")
    assert code == 2
    assert "evnts" in err


def test_topics_are_made_and_described(octyseg):
    assert octyseg("topics", "describe").code == 2
    code, out, _ = octyseg("topics", "create", "-o", "json")
    assert code == 0
    made = {topic["name"]: topic for topic in json.loads(out)}
    assert made[NAMESPACE + "events"]["partitions"] == 1
    octyseg("simulate", "--events", 3, "--rate", 1000, "--to-log")
    described = {topic["name"]: topic for topic in json.loads(octyseg("topics", "describe", "-o", "json").out)}
    assert described[NAMESPACE + "events"]["records"] == 3
    assert "compact" in octyseg("topics", "describe").out
