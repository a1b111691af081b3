"""The oracle: what a history of records must lead to, worked out the slow and obvious way.

It takes all records of one partition in log order, with the arrival times the log gave them, and tells
the changes of every profile in order. It keeps plain lists, looks through all of them each time, and
shares no code with the engine that it judges. Tests of the engine, of the whole path in memory and of
the path over Kafka all ask here.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from octyseg.model.change import change_id
from octyseg.model.record import Erase, Event, Merge, Profile, decode, epoch_ms
from octyseg.model.refusal import Refusal
from octyseg.model.segment import Segment
from tests.simulation.oracle_life import Life


class Expected(NamedTuple):
    """One change that must come, as far as it is a function of the history alone."""

    segment_id: str
    kind: str
    reason: str
    occurred_at_ms: int | None
    cause: tuple[str, ...]
    change_id: str


class Revision(NamedTuple):
    """The segments in force for records from `offset` on, adopted when the clock stood at `clock_ms`."""

    offset: int
    clock_ms: int
    segments: Sequence[Segment]


def expected_changes(
    segments: Sequence[Segment],
    records: Iterable[Any],
    rules: Any,
    *,
    topic: str = "octyseg.events",
    partition: int = 0,
    revisions: Sequence[Revision] = (),
    until_ms: float = math.inf,
) -> Mapping[str, list[Expected]]:
    """The changes of each profile that has any.

    `rules` is anything with grace_ms, correction_horizon_ms, live_max_age_ms and future_ms. At the end
    time passes to `until_ms`; as it stands, until nothing is open and everything that can expire has.
    """
    lives: dict[str, Life] = {}
    pending = list(revisions)
    clock_ms = 0
    for record in records:
        while pending and pending[0].offset <= record.offset:
            clock_ms = max(clock_ms, pending[0].clock_ms)
            segments = _revise(lives, segments, pending.pop(0), clock_ms)
        clock_ms = max(clock_ms, record.timestamp)
        read = decode(record.key, record.value)
        if isinstance(read, Refusal | Merge):
            continue
        at_ms = epoch_ms(read.created_at, record.timestamp)
        if isinstance(at_ms, Refusal) or at_ms > record.timestamp + rules.future_ms:
            continue
        life = lives.setdefault(read.profile_id, Life(rules))
        life.pass_time(segments, clock_ms)
        life.now_ms = record.timestamp
        _live_through(life, segments, read, at_ms, f"{topic}-{partition}-{record.offset}")
    for revision in pending:
        segments = _revise(lives, segments, revision, revision.clock_ms)
    for life in lives.values():
        life.pass_time(segments, until_ms)
    return {
        profile_id: [_expected(profile_id, change) for change in life.tags.changes]
        for profile_id, life in lives.items()
        if life.tags.changes
    }


def _live_through(life: Life, segments: Sequence[Segment], read: Any, at_ms: int, default_id: str) -> None:
    if isinstance(read, Profile):
        life.tags.learn(read)
    elif isinstance(read, Erase):
        life.erase(at_ms)
    else:
        assert isinstance(read, Event)
        life.happen(segments, read, default_id, at_ms)


def _revise(lives: dict[str, Life], old: Sequence[Segment], revision: Revision, clock_ms: int) -> Sequence[Segment]:
    for life in lives.values():
        life.pass_time(old, clock_ms)
        life.revise(revision.segments)
    return revision.segments


def _expected(profile_id: str, change: dict[str, Any]) -> Expected:
    return Expected(
        change["segment_id"],
        change["kind"],
        change["reason"],
        change["occurred_at_ms"],
        change["cause"],
        change_id(change["segment_id"], change["version"], profile_id, change["anchor"], change["kind"]),
    )
