"""The verdict over a run: what came out, read back from the log, against what the oracle makes of what went in.

Duplicates on `octyseg.tags` are counted raw and then folded by change_id, as a receiver would; two of one id
must be the same bytes. Standstills are gaps between the appends of a partition's outcomes, by the broker's time.
"""

import asyncio
from collections import defaultdict
from datetime import datetime
from itertools import pairwise
from typing import NamedTuple

from octyseg.hosting.rules import rules_of
from octyseg.log.port import StoredRecord, read_through
from octyseg.model.change import from_json, rfc3339
from octyseg.model.outcome import decode_outcome
from tests.simulation.oracle import expected_changes


class Verdict(NamedTuple):
    """Counts, all of which must be 0 up to `unordered`; then figures to report."""

    lost: int
    spurious: int
    false_inactions: int
    unlike: int
    conflicting: int
    unordered: int
    refused: int
    events: int
    changes: int
    repeated: int
    standstill_s: float
    outage_s: float
    late_p50_s: float
    late_p99_s: float
    members: dict
    examples: list

    @property
    def faults(self):
        return {name: value for name, value in list(self._asdict().items())[:6] if value}


class Judge:
    """Reads a log back, once nobody has anything left to do, and compares."""

    def __init__(self, log, settings, segments):
        self.log = log
        self.settings = settings
        self.rules = rules_of(settings)
        self.segments = segments
        self.judged = {segment.segment_id for segment in segments}
        self.examples = []

    async def judge(self, outages=()):
        """`outages` are (from, until) in epoch milliseconds in which the broker was away."""
        read = {name: await self._all(name) for name in ("events", "outcomes", "tags")}
        refused = (await self.log.ends(self.settings.topic("deadletter"), [0]))[0]
        expected = await asyncio.to_thread(self._expected, read["events"])
        raw, conflicting, changes = self._folded(read["tags"])
        counts = dict.fromkeys(("lost", "spurious", "false_inactions", "unlike", "unordered"), 0)
        for profile_id in expected.keys() | changes.keys():
            self._compare(profile_id, expected.get(profile_id, []), changes.get(profile_id, []), counts)
        standstill_s, outage_s = _standstills(read["events"], read["outcomes"], outages)
        lateness = self._lateness(read["tags"], outages)
        return Verdict(
            **counts,
            conflicting=conflicting,
            refused=refused,
            events=sum(map(len, read["events"].values())),
            changes=sum(map(len, changes.values())),
            repeated=raw - sum(map(len, changes.values())),
            standstill_s=standstill_s,
            outage_s=outage_s,
            late_p50_s=percentile(lateness, 50),
            late_p99_s=percentile(lateness, 99),
            members=_members(changes),
            examples=self.examples,
        )

    async def _all(self, short_name):
        topic = self.settings.topic(short_name)
        ends = await self.log.ends(topic, range(self.settings.partitions))
        return {number: await self._partition(topic, number, end) for number, end in ends.items()}

    async def _partition(self, topic, number, end):
        records = read_through(self.log, topic, number, 0, end)
        return [StoredRecord(r.offset, r.timestamp, r.key, r.value) async for r in records]

    def _expected(self, events):
        found = {}
        for number, records in events.items():
            topic = self.settings.topic("events")
            found |= expected_changes(self.segments, records, self.rules, topic=topic, partition=number)
        return found

    def _folded(self, tags):
        """How many records, how many of them under a known id with other content, and the rest by profile."""
        raw = conflicting = 0
        bytes_of, changes = {}, defaultdict(list)
        for records in tags.values():
            for record in records:
                change = from_json(record.value)
                if change.segment_id not in self.judged:
                    continue
                raw += 1
                known = bytes_of.setdefault(change.change_id, record.value)
                if known is record.value:
                    changes[change.profile_id].append(change)
                elif known != record.value:
                    conflicting += 1
                    self.examples.append(("conflicting", known, record.value))
        return raw, conflicting, changes

    def _compare(self, profile_id, expected, found, counts):
        wanted = {one.change_id: one for one in expected}
        came = {one.change_id: one for one in found}
        lost, spurious = wanted.keys() - came.keys(), came.keys() - wanted.keys()
        inactions = {one.segment_id for one in self.segments if one.steps[-1].inaction}
        false = [one for one in spurious if came[one].segment_id in inactions and came[one].reason == "matched"]
        unlike = [one for one in wanted.keys() & came.keys() if not _alike(wanted[one], came[one])]
        sequences = [one.sequence for one in found]
        ordered = all(before < after for before, after in pairwise(sequences))
        in_turn = [one.change_id for one in expected] == [one.change_id for one in found]
        counts["lost"] += len(lost)
        counts["spurious"] += len(spurious)
        counts["false_inactions"] += len(false)
        counts["unlike"] += len(unlike)
        counts["unordered"] += not ordered or (not lost and not spurious and not in_turn)
        if lost or spurious or unlike or not ordered or not in_turn:
            self.examples.append((profile_id, expected, found))

    def _lateness(self, tags, outages):
        """How long after its deadline and the grace each inaction was on `octyseg.tags`, in seconds."""
        inactions = {one.segment_id for one in self.segments if one.steps[-1].inaction}
        late, seen = [], set()
        for records in tags.values():
            for record in records:
                change = from_json(record.value)
                if change.segment_id in inactions and change.reason == "matched" and change.change_id not in seen:
                    seen.add(change.change_id)
                    due_ms = datetime.fromisoformat(change.occurred_at).timestamp() * 1000 + self.rules.grace_ms
                    if not _overlaps(due_ms, record.timestamp, outages):
                        late.append((record.timestamp - due_ms) / 1000)
        return late


def _alike(expected, change):
    occurred_at = rfc3339(expected.occurred_at_ms)
    return (expected.segment_id, expected.kind, expected.reason, occurred_at, expected.cause) == (
        change.segment_id,
        change.kind,
        change.reason,
        change.occurred_at,
        change.cause,
    )


def _members(changes):
    """Who has which tag by the public changes alone: pairs of segment and profile."""
    held = set()
    for profile_id, of_profile in changes.items():
        for change in of_profile:
            (held.discard if change.kind == "removed" else held.add)((change.segment_id, profile_id))
    by_segment = defaultdict(set)
    for segment_id, profile_id in held:
        by_segment[segment_id].add(profile_id)
    return dict(by_segment)


def _standstills(events, outcomes, outages):
    """The longest time in seconds in which a partition got events and no outcome: outside outages, and across one."""
    longest = {False: 0, True: 0}
    for number, records in outcomes.items():
        if not events[number]:
            continue
        first_ms, last_ms = events[number][0].timestamp, events[number][-1].timestamp
        written = [r.timestamp for r in records if not r.key.startswith(b"\0") and decode_outcome(r.value)]
        inside = [at_ms for at_ms in written if at_ms <= last_ms]
        for before, after in pairwise([first_ms, *inside, last_ms]):
            across = _overlaps(before, after, outages)
            longest[across] = max(longest[across], after - before)
    return longest[False] / 1000, longest[True] / 1000


def _overlaps(since_ms, until_ms, outages):
    return any(since_ms <= end_ms and begin_ms <= until_ms for begin_ms, end_ms in outages)


def percentile(values, percent):
    """By nearest rank; 0 of nothing."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, len(ranked) * percent // 100)] if ranked else 0.0
