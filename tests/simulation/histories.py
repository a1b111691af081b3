"""Plans drawn from seeds: who exists, what happens to them, and what goes wrong meanwhile.

Frames are 100 ms and the grace 20, and all other figures are near those, so exact deadlines, equal
instants, lateness inside and outside the grace and repeats come up all the time.
"""

import json
from random import Random

import msgspec

from octyseg.engine.rules import Rules
from octyseg.model import segment as model
from octyseg.model.change import rfc3339
from octyseg.model.placement import partition_of
from octyseg.model.segment import DAY_MS, Condition, Segment
from tests.simulation.plan import (
    Arm,
    Ask,
    Compact,
    Crash,
    Edit,
    HandOver,
    Plan,
    Produce,
    Rebalance,
    Resume,
    Step,
    Tags,
    Wait,
)
from tests.simulation.triggers import Trigger
from tests.simulation.world import START_MS

RULES = Rules(grace_ms=20, correction_horizon_ms=200, live_max_age_ms=400, future_ms=40)
# Of two partitions, the first has p0, p1 and p2, and all of the others.
PROFILES = ("p0", "p6", "p1", "p7", "p2")
AT_HOME = tuple([one for one in map("p{}".format, range(100)) if partition_of(one, 2) == 0][:5])
TYPES = ("add", "buy", "view")
# Among so many records of a plan, not drawn either, one is put where another client's partitioner would have it.
A_STRAY_EVERY = 13
APART_MS = (0, 0, 0, 1, 5, 19, 20, 21, 40, 50, 79, 99, 100, 101, 119, 120, 121, 122, 150, 250)
LAGS_MS = (0, 0, 0, 0, 0, 0, -1, -40, 1, 5, 19, 20, 21, 60, 120, 400, 401)
PROPERTIES = ({}, {"cart": 1}, {"cart": 2}, {"cart": 1, "big": True}, {"big": True})
CRASH_POINTS = (
    "live.claimed",
    "live.restored",
    "live.adopted",
    "live.decided",
    "live.deadlettered",
    "live.sent",
    "live.written",
    "live.ticked",
    "flush.taken",
    "flush.floor_written",
    "flush.states_written",
    "flush.marked",
)
CALLS = ("append outcomes", "append outcomes", "append state", "append deadletter", "commit", "ends_as_of", "read")
TAGS_CRASH_POINTS = ("tags.read", "tags.published")
TAGS_CALLS = ("append tags", "append tags", "commit", "read", "starts outcomes", *TAGS_CRASH_POINTS)
BAD = (
    b"not json",
    b'{"profile_id": "p0"}',
    b'{"profile_id": "other", "event_type": "add", "event_properties": {}}',
    b'{"type": "merge", "profile_id": "p0", "into": "p0"}',
    b'{"profile_id": "p0", "event_type": "add", "event_properties": {}, "created_at": 17}',
)
BAD_COMMANDS = (
    b"not json",
    b'{"type": "membership", "profile_id": "p0"}',
    b'{"type": "invite", "profile_id": "p0"}',
    b'{"type": "ready", "segment_id": "s0", "version": 1, "below_offset": 3}',
)


def plan_of(seed):
    """The plan of a seed, always the same."""
    random = Random(seed)
    partitions, slots = random.choice(((1, 1), (1, 2), (2, 1), (2, 2)))
    segments = tuple(_segment(random, number) for number in range(random.choice((1, 2, 2, 3, 4))))
    segments += tuple(_listed(random, number) for number in range(random.choice((0, 0, 1, 2))))
    segments += tuple(_dynamic(random, number) for number in range(random.choice((0, 0, 1, 2))))
    options = {
        "ask_every_s": random.choice((0.0, 0.0, 0.05)),
        "flush_every_s": random.choice((0.0, 0.1, 0.5, 1e6)),
        "sweep_batch": random.choice((1, 500)),
        "due_at_once": (1, 2, 5_000)[seed % 3],
        "clock_rates": random.choice(((1.0,), (1.0, 0.5, 3.0))),
    }
    actions = _Script(random, partitions, slots, segments).write()
    return Plan(seed, partitions, slots, segments, RULES, options, tuple(actions))


def merging_plan_of(seed):
    """The plan of a seed in which profiles are merged, and segments that count exactly what came to each of them."""
    plan = plan_of(seed)
    random = Random(f"merging {seed}")
    counting = tuple(
        Segment(
            f"d{event_type}{count}",
            f"{event_type} {count}",
            1,
            "dynamic",
            rule=model.Performed(0, event_type, {}, count, count),
        )
        for event_type in TYPES
        for count in (1, 2, 3, 4, 5)
    )
    segments = (*(one for one in plan.segments if one.segment_type == "live"), *counting)
    partitions = random.choice((1, 2, 2))
    script = _Script(random, partitions, plan.slots, segments)
    script.idle, script.merges, script.erasures, script.stays = False, random.choice((0.5, 1.5)), 0, True
    return plan._replace(partitions=partitions, segments=segments, actions=tuple(script.write()))


def _segment(random, number):
    kind = random.choice(("single", "inaction", "inaction", "inaction", "longer inaction", "actions"))
    count = {"single": 1, "inaction": 2, "longer inaction": 3, "actions": random.choice((2, 3))}[kind]
    wanted = random.sample([(one, props) for one in TYPES for props in ("{}", "{}", '{"big": true}')], count)
    steps = tuple(
        model.Step(
            event_type,
            json.loads(properties),
            within_ms=0 if index == count - 1 else 100,
            inaction="inaction" in kind and index == count - 1,
        )
        for index, (event_type, properties) in enumerate(wanted)
    )
    return Segment(
        segment_id=f"s{number}",
        tag=f"tag {number}",
        version=1,
        segment_type="live",
        steps=steps,
        on_repeat=random.choice(("ignore", "ignore", "restart", "parallel")),
        correlate_by=random.choice((None, None, None, "cart")),
        notify=random.choice(("every_match", "every_match", "on_enter")),
        cooldown_ms=random.choice((0, 0, 0, 0, 50, 150)),
        tag_ttl_ms=random.choice((0, 0, 0, 10, 60, 150)),
        conditions=random.choice(((), (), (), (Condition("plan", "eq", "gold"),))),
        compat_octy=random.random() < 0.15,
    )


def _listed(random, number):
    """A segment whose members come by command."""
    kind = random.choice(("past", "static"))
    return Segment(segment_id=f"m{number}", tag=f"listed {number}", version=1, segment_type=kind)


def _dynamic(random, number):
    """A segment of conditions; it may ask for the one before it, and for a list."""
    rule = _rule(random, number)
    return Segment(segment_id=f"d{number}", tag=f"dynamic {number}", version=1, segment_type="dynamic", rule=rule)


def _rule(random, number):
    at_least, at_most = random.choice(((1, None), (2, None), (0, 0), (0, 1), (2, 2)))
    wanted = random.choice(({}, {}, {"big": True}))
    window = random.choice((None, 60, 150, 600))
    performed = model.Performed(0, random.choice(TYPES), wanted, at_least, at_most, window)
    others = ["m0", *(f"d{other}" for other in range(number))]
    leaf = random.choice(
        (
            performed,
            performed,
            Condition("plan", "eq", "gold"),
            model.InSegment(random.choice(others), random.random() < 0.7),
            msgspec.structs.replace(performed, leaf=1, event_type=random.choice(TYPES), at_least=1, at_most=None),
        )
    )
    if leaf is performed:
        return performed
    if random.random() < 0.3:
        leaf = model.Negated(leaf)
    return random.choice((model.Every, model.Either))((performed, leaf))


class _Script:
    """Writes the actions of one plan."""

    def __init__(self, random, partitions, slots, segments):
        self.random = random
        self.partitions = partitions
        self.slots = slots
        self.segments = segments
        self.most_profiles = random.choice((1, 2, 3, 5))
        self.idle = random.random() < 0.3
        self.merges = random.choice((0, 0, 0, 0.6))
        # Erased as one, repeats of any of them would be new events: that is told in stories of its own.
        self.erasures = 0 if self.merges else random.choice((0.3, 0.6))
        self.trouble = random.choice((0.0, 0.1, 0.3, 0.3, 0.6))
        self.busy = random.choice((0.3, 1.0, 2.5))
        self.arrival_ms = START_MS
        # Not drawn: the plans of all seeds would be others.
        self.times_are_texts = (len(segments) + self.most_profiles) % 3 > 0
        self.is_edited = self.stays = False
        self.sent = []
        self.actions = []

    def write(self):
        random = self.random
        count = random.choice((5, 15, 30, 45))
        edit_at = random.randrange(count) if random.random() < 0.2 and not self.stays else None
        long_wait_at = random.randrange(count) if random.random() < 0.1 and not self.stays else None
        off_until = 0
        for number in range(count):
            if number == edit_at:
                self.is_edited = True
                self.actions.append(Edit(self._edited(), settled=random.random() < 0.7))
            if number == long_wait_at:
                self._forget()
            self._produce(number)
            if random.random() < 0.4:
                self._ask(number)
            if self.is_edited and random.random() < 0.15:
                self.actions.append(HandOver(random.randrange(self.partitions)))
            if random.random() < self.trouble:
                self._trouble()
            if random.random() < 0.04:
                off_until = number + random.randrange(10)
            if number >= off_until:
                self._work()
        return self.actions

    def _produce(self, number):
        random = self.random
        after_ms = random.choice(APART_MS)
        self.arrival_ms += after_ms
        profile = random.choice(self.profiles)
        kind = random.choices(
            ("event", "repeat", "profile", "erase", "bad", "merge"), (10, 2, 1, self.erasures, 0.3, self.merges)
        )[0]
        known = [one for one in self.sent if one[0] == profile]
        if kind == "repeat" and known:
            value = random.choice(known)[1]
        elif kind == "profile":
            value = {"type": "profile", "profile_id": profile, "profile_data": {"plan": random.choice(("gold", None))}}
        elif kind == "erase":
            value = {"type": "erase", "profile_id": profile, "created_at": self.arrival_ms}
            # Nobody knows the ids from before the erasure any more: a repeat would be a new event of an old id.
            self.sent = [one for one in self.sent if one[0] != profile]
        elif kind == "merge":
            value = {"type": "merge", "profile_id": profile, "into": random.choice(self.profiles)}
        elif kind == "bad":
            value = random.choice(BAD)
        else:
            value = {
                "profile_id": profile,
                "event_type": random.choice((*TYPES, *TYPES, "noise")),
                "event_properties": random.choice(PROPERTIES) | ({} if number % 7 else {"items": ["hat"]}),
            }
            at_ms = self.arrival_ms - random.choice(LAGS_MS)
            value["created_at"] = rfc3339(at_ms) if self.times_are_texts else at_ms
            if random.random() < 0.7:
                value["event_id"] = f"e{number}"
                self.sent.append((profile, value))
        encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
        partition = self._partition_of(profile)
        if number % A_STRAY_EVERY == 0 and not self.idle:
            partition = (partition + 1) % self.partitions
        self.actions.append(Produce(after_ms, partition, profile.encode(), encoded))

    def _ask(self, number):
        """A command for somebody; now and then it comes twice, or is a bad one."""
        random = self.random
        listed = [one for one in self.segments if one.segment_type in {"past", "static"}]
        profile = random.choice(self.profiles)
        if not listed or random.random() < 0.1:
            value = random.choice(BAD_COMMANDS)
        else:
            member = random.random() < 0.6
            asked = {
                "type": "membership",
                "profile_id": profile,
                "segment_id": random.choice(listed).segment_id,
                "version": random.choice((1, 1, 1, 2)) if self.is_edited else 1,
                "member": member,
                "reason": random.choice(
                    ("matched", "imported") if member else ("no_longer_matches", "removed_by_user")
                ),
                "as_of_ms": self.arrival_ms,
                "anchor": f"r{number}",
            }
            value = json.dumps(asked).encode()
        for _ in range(random.choice((1, 1, 1, 2))):
            self.actions.append(Ask(self._partition_of(profile), profile.encode(), value))

    @property
    def profiles(self):
        """Where one partition stays idle, those of the other."""
        return (AT_HOME if self.idle else PROFILES)[: self.most_profiles]

    def _partition_of(self, profile):
        return partition_of(profile, self.partitions)

    def _work(self):
        """What workers get done before the next record."""
        random = self.random
        for _ in range(int(self.busy + random.random())):
            slot = random.randrange(self.slots)
            what = random.choices(("read", "tick", "commit", "tags"), (4, 3, 2, 1.5))[0]
            if what == "tags":
                self.actions.append(Tags(random.choices(("read", "commit", "crash"), (4, 2, 1))[0]))
            else:
                self.actions.append(Step(slot, what, random.choice((1, 2, 5, 1_000))))
        if random.random() < 0.1:
            self._wait(random.choice((1, 20, 100, 600)))

    def _wait(self, ms):
        self.arrival_ms += ms
        self.actions.append(Wait(ms))

    def _trouble(self):
        random = self.random
        slot = random.randrange(self.slots)
        kind = random.choices(
            ("point", "call", "tags", "pause", "crash", "resume", "rebalance", "compact"), (5, 4, 1, 3, 1, 3, 0.7, 1.5)
        )[0]
        if kind == "point":
            self.actions.append(Arm(slot, Trigger(random.choice(CRASH_POINTS), random.choice((1, 1, 2, 4)), "crash")))
        elif kind == "call":
            effect = random.choice(("refuse", "lose", "lose", "cancel", "crash", "cut", "part"))
            self.actions.append(Arm(slot, Trigger(random.choice(CALLS), random.choice((1, 1, 2, 4)), effect)))
        elif kind == "tags":
            trigger = Trigger(random.choice(TAGS_CALLS), 1, random.choice(("refuse", "lose", "crash")))
            self.actions.append(Arm(None, trigger))
        elif kind == "pause":
            where = random.choice((*CALLS, "ends outcomes", "committed", "starts state"))
            self.actions.append(Arm(slot, Trigger(where, random.choice((1, 1, 2, 3)), "pause")))
        elif kind == "resume":
            self.actions.append(Resume(tuple(random.choices(("read", "tick"), k=random.choice((0, 1, 2, 4))))))
        else:
            self.actions.append({"crash": Crash(slot), "rebalance": Rebalance(), "compact": Compact()}[kind])

    def _forget(self):
        """A day passes with some looks at the time, so that profiles with nothing are forgotten."""
        slots = [Step(slot, what) for what in ("read", "tick", "commit", "tick") for slot in range(self.slots)]
        self.actions += slots
        self._wait(DAY_MS + 500)
        self.actions += slots
        self.sent = []

    def _edited(self):
        """One segment edited, renamed or deleted; perhaps another one beside them."""
        random = self.random
        edited = list(self.segments)
        at = random.randrange(len(edited))
        change = random.choice(
            (
                {"version": 2, "matching_since": 2, "steps": (model.Step("view", within_ms=100), model.Step("buy"))},
                {"version": 2, "tag": "renamed"},
                {"deleted": True},
            )
        )
        if "steps" in change and edited[at].rule is not None:
            change["rule"] = _rule(random, 0)
        edited[at] = msgspec.structs.replace(edited[at], **change)
        if random.random() < 0.3:
            edited.append(random.choice((_segment, _dynamic))(random, len(edited)))
        return tuple(edited)
