"""Replay: the engine over a file, with the clock of its records."""

import json

from octyseg.engine.catalog import Catalog
from octyseg.engine.rules import Rules
from octyseg.hosting.replay import replay
from octyseg.model.segment import MINUTE_MS, Segment, Step

T0 = 1_780_000_000_000
ABANDONED = Segment(
    "s1", "abandoned", 1, "live", 2, 1, (Step("checkout", {}, 5 * MINUTE_MS), Step("order", {}, 0, True))
)


def event(event_type, at_ms, event_id, profile_id="ada"):
    return json.dumps(
        {
            "profile_id": profile_id,
            "event_type": event_type,
            "event_properties": {},
            "created_at": at_ms,
            "event_id": event_id,
        }
    ).encode()


def replayed(lines, *, grace_ms=0, drain=True, refused=None):
    refusals = [] if refused is None else refused
    rules = Rules(grace_ms, forgets=False)
    changes = replay(
        lines, Catalog([ABANDONED]), rules, drain=drain, on_refusal=lambda number, why: refusals.append((number, why))
    )
    return [(change.kind, change.reason, change.occurred_at_ms, change.detected_at_ms) for change in changes]


def test_an_order_in_time_keeps_the_tag_away():
    assert replayed([event("checkout", T0, "a"), event("order", T0 + 5 * MINUTE_MS, "b")]) == []


def test_an_order_a_millisecond_late_comes_after_the_match_it_contradicts():
    late = T0 + 5 * MINUTE_MS + 1
    assert replayed([event("checkout", T0, "a"), event("order", late, "b")]) == [
        ("added", "matched", T0 + 5 * MINUTE_MS, late),
        ("removed", "contradicted", late, late),
    ]


def test_what_another_profile_does_moves_the_clock():
    later = T0 + 10 * MINUTE_MS
    lines = [event("checkout", T0, "a"), event("page", later, "b", "bob")]
    assert replayed(lines, drain=False) == [("added", "matched", T0 + 5 * MINUTE_MS, later)]


def test_draining_fires_each_deadline_at_the_first_instant_behind_it():
    deadline = T0 + 5 * MINUTE_MS
    assert replayed([event("checkout", T0, "a")], grace_ms=700) == [("added", "matched", deadline, deadline + 701)]


def test_without_draining_an_open_deadline_stays_open():
    assert replayed([event("checkout", T0, "a")], drain=False) == []


def test_a_bad_line_is_told_by_its_number_and_its_neighbours_go_on():
    refused = []
    lines = [event("checkout", T0, "a"), b"{", b'{"profile_id": "ada"}']
    assert len(replayed(lines, refused=refused)) == 1
    assert [(number, why.reason) for number, why in refused] == [(2, "bad_json"), (3, "bad_field")]


def test_sequences_of_a_profile_count_from_one():
    lines = [event("checkout", T0 + n * 20 * MINUTE_MS, f"e{n}", f"p{n % 3}") for n in range(300)]
    changes = list(replay(lines, Catalog([ABANDONED]), Rules(0, forgets=False), drain=True, on_refusal=lambda *_: None))
    for profile_id in ("p0", "p1", "p2"):
        assert [one.sequence for one in changes if one.profile_id == profile_id] == list(range(1, 101))
