"""What dynamic segments must say, worked out the slow and obvious way: all is kept, all is looked through.

`members_as_of` is the definition itself: who is a member at one instant, by the whole history up to it.
`expected_turns` plays a history through in time. Both share no code with the engine that they judge.
"""

import math
from typing import Any, NamedTuple

from msgspec import UNSET

from octyseg.model.record import Erase, Event, Merge, Profile, decode, epoch_ms
from octyseg.model.refusal import Refusal
from octyseg.model.segment import Condition, Either, Every, InSegment, Negated, Performed
from tests.simulation.oracle_matching import equal
from tests.simulation.oracle_matching import holds as condition_holds

DAY_MS = 24 * 60 * 60 * 1000


class Turn(NamedTuple):
    """One change of a membership."""

    segment_id: str
    kind: str
    occurred_at_ms: int


class Past:
    """All that is known of one profile."""

    def __init__(self):
        self.events = []
        self.attributes = None
        self.updated_ms = 0
        self.members = set()

    def take(self, read, at_ms):
        """One record; false when it is a repeat."""
        if isinstance(read, Erase):
            self.__init__()
        elif isinstance(read, Profile):
            self.learn(read, at_ms)
        elif read.event_id is not None and any(
            read.event_id == known["id"] and abs(at_ms - known["at_ms"]) <= DAY_MS for known in self.events
        ):
            return False
        else:
            event = {"id": read.event_id, "at_ms": at_ms, "type": read.event_type, "properties": read.event_properties}
            self.events.append(event)
        return True

    def learn(self, read, at_ms):
        known = self.attributes or {"profile_data": {}, "platform_info": {}}
        for name in ("customer_id", "has_charged", "status"):
            if getattr(read, name) is not UNSET:
                known[name] = getattr(read, name)
        for name in ("profile_data", "platform_info"):
            if getattr(read, name) is not UNSET:
                both = {**known[name], **getattr(read, name)}
                known[name] = {key: value for key, value in both.items() if value is not None}
        self.attributes, self.updated_ms = known, at_ms

    def done(self, leaf):
        """The events a performed leaf names, at whatever time."""
        return [
            one
            for one in self.events
            if one["type"] == leaf.event_type
            and all(name in one["properties"] and equal(value, one["properties"][name])
                    for name, value in leaf.properties.items())
        ]  # fmt: skip


def leaves(rule):
    if isinstance(rule, Every | Either):
        return [leaf for part in rule.parts for leaf in leaves(part)]
    return leaves(rule.part) if isinstance(rule, Negated) else [rule]


def truth(rule, past, settled_ms):
    """True, False or None (unknown) when everything that was due up to `settled_ms` was done."""
    match rule:
        case Every(parts):
            found = [truth(part, past, settled_ms) for part in parts]
            return False if False in found else None if None in found else True
        case Either(parts):
            found = [truth(part, past, settled_ms) for part in parts]
            return True if True in found else None if None in found else False
        case Negated(part):
            found = truth(part, past, settled_ms)
            return None if found is None else not found
        case InSegment():
            return (rule.segment_id in past.members) == rule.member
        case Performed():
            return counted(rule, past, settled_ms)
        case Condition():
            return attribute(rule, past, settled_ms)
    raise AssertionError(rule)


def counted(leaf, past, settled_ms):
    times = [one["at_ms"] for one in past.done(leaf)]
    if leaf.within_ms is not None:
        times = [at_ms for at_ms in times if at_ms > settled_ms - leaf.within_ms]
    if leaf.between_ms is not None:
        times = [at_ms for at_ms in times if leaf.between_ms[0] <= at_ms <= leaf.between_ms[1]]
    return len(times) >= leaf.at_least and (leaf.at_most is None or len(times) <= leaf.at_most)


def attribute(leaf, past, settled_ms):
    attributes = past.attributes or {"profile_data": {}, "platform_info": {}}
    exists = Condition(leaf.path, "exists")
    if leaf.operator != "not_exists" and not condition_holds(exists, attributes, 0):
        return None
    return condition_holds(leaf, attributes, max(settled_ms, past.updated_ms))


def is_member(segment, past, settled_ms):
    """Nobody is a member of whom nothing is known that the segment could be about."""
    about = (
        past.attributes is not None
        or any(past.done(leaf) for leaf in leaves(segment.rule) if isinstance(leaf, Performed))
        or any(leaf.segment_id in past.members for leaf in leaves(segment.rule) if isinstance(leaf, InSegment))
    )
    return about and truth(segment.rule, past, settled_ms) is True


def readable(records, rules):
    """The records that are taken, with their event times."""
    for record in records:
        read = decode(record.key, record.value)
        if isinstance(read, Refusal | Merge):
            continue
        at_ms = epoch_ms(read.created_at, record.timestamp)
        if not isinstance(at_ms, Refusal) and at_ms <= record.timestamp + rules.future_ms:
            assert isinstance(read, Event | Profile | Erase)
            yield record, read, at_ms


def members_as_of(segments, records, as_of_ms, rules):
    """The members of each dynamic segment at one instant, from a history in which nothing is later than it."""
    pasts: dict[str, Past] = {}
    for _, read, at_ms in readable(records, rules):
        pasts.setdefault(read.profile_id, Past()).take(read, at_ms)
    members: dict[str, set[str]] = {}
    for segment in segments:  # those asked for come first
        members[segment.segment_id] = {
            profile_id for profile_id, past in pasts.items() if is_member(segment, past, as_of_ms)
        }
        for profile_id in members[segment.segment_id]:
            pasts[profile_id].members.add(segment.segment_id)
    return members


def expected_turns(segments, records, rules, until_ms=math.inf):
    """Every change of every profile in time, by profile and segment. Segments that are asked for come first."""
    lives: dict[str, Played] = {}
    clock_ms = 0
    for record, read, at_ms in readable(records, rules):
        clock_ms = max(clock_ms, record.timestamp)
        life = lives.setdefault(read.profile_id, Played(segments, rules))
        life.pass_time(clock_ms)
        life.happen(read, at_ms)
    for life in lives.values():
        life.pass_time(until_ms)
    return {profile_id: life.turns for profile_id, life in lives.items() if life.turns}


class Played:
    """One profile in time."""

    def __init__(self, segments, rules):
        self.segments = segments
        self.grace_ms = rules.grace_ms
        self.clock_ms: Any = 0
        self.past = Past()
        self.turns: list[Turn] = []

    def pass_time(self, clock_ms):
        """Look at every instant at which something may be otherwise."""
        if clock_ms <= self.clock_ms:
            return
        for due_ms in sorted(self.dues()):
            if self.clock_ms <= due_ms + self.grace_ms < clock_ms:
                self.judge(due_ms, due_ms)
        self.clock_ms = clock_ms

    def dues(self):
        found = set()
        for segment in self.segments:
            for leaf in leaves(segment.rule):
                if isinstance(leaf, Performed) and leaf.within_ms is not None:
                    found |= {one["at_ms"] + leaf.within_ms for one in self.past.events}
                if isinstance(leaf, Condition) and leaf.operator in {"within_last", "more_than_ago"}:
                    data = (self.past.attributes or {}).get("profile_data", {})
                    found |= {data[name] + wait_ms for name in data if isinstance(data[name], int)
                              for wait_ms in (0, int(leaf.value * DAY_MS))}  # fmt: skip
        return found

    def happen(self, read, at_ms):
        if isinstance(read, Erase):
            self.turns += [Turn(segment_id, "removed", at_ms) for segment_id in self.past.members]
        if self.past.take(read, at_ms):
            self.judge(at_ms, self.clock_ms - self.grace_ms - 1)

    def judge(self, occurred_at_ms, settled_ms):
        for segment in self.segments:
            member = is_member(segment, self.past, settled_ms)
            if member != (segment.segment_id in self.past.members):
                (self.past.members.add if member else self.past.members.remove)(segment.segment_id)
                self.turns.append(Turn(segment.segment_id, "added" if member else "removed", occurred_at_ms))
