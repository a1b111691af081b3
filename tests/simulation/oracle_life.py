"""One profile as the oracle sees it: a few plain lists, and the rules of live segments spelled out over them.

Told in log order what happened (`happen`, `erase`) and before each of these how late it is (`pass_time`).
What comes of it goes to its tags. Everything is looked through every time.
"""

from typing import Any

from octyseg.model.segment import Segment
from tests.simulation.oracle_matching import correlation, fits
from tests.simulation.oracle_tags import Tags

DAY_MS = 24 * 60 * 60 * 1000
IDS_KEPT = 64
SIGHTINGS_KEPT = 16
INSTANCES_AT_ONCE = 16
INSTANCES_OF_A_PROFILE = 1_000


class Life:
    """A profile from its first record on. `now_ms` is the arrival of the record in hand."""

    def __init__(self, rules: Any) -> None:
        self.rules = rules
        self.now_ms = 0
        self.clock_ms: float = 0
        self.tags = Tags()
        self.instances: list[dict[str, Any]] = []  # in the order they were opened
        self.ids: list[tuple[str, int]] = []
        self.sightings: list[dict[str, Any]] = []

    def erase(self, at_ms: int) -> None:
        """Nothing is left but the changes there were."""
        self.tags.erase(at_ms)
        self.instances, self.ids, self.sightings = [], [], []

    def revise(self, segments: list[Segment]) -> None:
        """Other segments are in force: what they no longer back is gone."""
        matching_since = {one.segment_id: one.matching_since for one in segments if not one.deleted}

        def backed(thing):
            return thing["version"] >= matching_since.get(thing["segment_id"], thing["version"] + 1)

        self.instances = [one for one in self.instances if backed(one)]
        for tag in [one for one in self.tags.held.values() if not backed(one)]:
            edited = tag["segment_id"] in matching_since
            self.tags.remove(tag, "definition_changed" if edited else "definition_deleted", None, [])

    # What time does.

    def pass_time(self, segments: list[Segment], clock_ms: float) -> None:
        """One thing that is due after the other, the earliest first, a match before an expiry of the same instant.

        Records of one arrival come at once: what one of them made overdue waits for the others.
        """
        if clock_ms <= self.clock_ms:
            return
        self.clock_ms = clock_ms
        while True:
            due = [(one["deadline_ms"], 0, number) for number, one in enumerate(self.instances)]
            due += [(one["expires_at_ms"], 1, number) for number, one in enumerate(self.tags.held.values())]
            due = [one for one in due if one[0] is not None and one[0] + self.rules.grace_ms < clock_ms]
            if not due:
                return
            _, is_tag, number = min(due)
            if is_tag:
                self.tags.expire(list(self.tags.held.values())[number])
            else:
                instance = self.instances.pop(number)
                segment = next(one for one in segments if one.segment_id == instance["segment_id"])
                self.run_out(segment, instance)

    def run_out(self, segment: Segment, instance: dict[str, Any]) -> None:
        """No event came in the frame: a match if that was asked for, and then the contradiction that was kept."""
        if segment.steps[instance["step"]].inaction:
            self.tags.match(segment, instance, instance["deadline_ms"], instance["acted_ms"])
            if instance["kept"]:
                self.contradict(segment, *instance["kept"])

    # What an event does.

    def happen(self, segments: list[Segment], read: Any, default_id: str, at_ms: int) -> None:
        """An event that is young enough and not a repeat acts on every segment that names it."""
        if self.now_ms - at_ms > self.rules.live_max_age_ms:
            return
        event_type, properties = read.event_type, read.event_properties
        named = [
            segment
            for segment in segments
            if segment.segment_type == "live"
            and not segment.deleted
            and any(fits(segment, step, event_type, properties) for step in segment.steps)
        ]
        if not named:
            return
        if read.event_id is not None:
            if any(known == read.event_id and abs(at_ms - then_ms) <= DAY_MS for known, then_ms in self.ids):
                return
            self.ids = [one for one in self.ids if one[0] != read.event_id] + [(read.event_id, at_ms)]
            self.ids = self.ids[-IDS_KEPT:]
        event_id = default_id if read.event_id is None else read.event_id
        event = {"id": event_id, "at_ms": at_ms, "type": event_type, "properties": properties}
        self.sightings = [one for one in self.sightings if one["at_ms"] >= self.now_ms - self.rules.grace_ms]
        seen = {}
        for segment in named:
            if self.act(segment, event):
                seen[segment.segment_id] = correlation(segment, properties)
        if seen and at_ms >= self.now_ms - self.rules.grace_ms:
            self.sightings.append({"id": event["id"], "at_ms": at_ms, "segments": seen})
            self.sightings = self.sightings[-SIGHTINGS_KEPT:]

    def act(self, segment: Segment, event: dict[str, Any]) -> bool:
        """Let the event act on one segment; true when it is one of its inaction."""
        fitting = [fits(segment, step, event["type"], event["properties"]) for step in segment.steps]
        value = correlation(segment, event["properties"])
        self.expire_before(segment, event["at_ms"])
        if len(segment.steps) == 1:
            self.tags.match(segment, self.anchored(segment, event, value), event["at_ms"], event["at_ms"])
            return False
        inaction = fitting[-1] and segment.steps[-1].inaction
        if inaction:
            self.cancel(segment, event, value)
        moved = self.advance(segment, event, value, fitting)
        if fitting[0] and (not moved or segment.on_repeat == "parallel"):
            self.open(segment, event, value)
        return inaction

    def of(self, segment: Segment) -> list[dict[str, Any]]:
        """The instances of a segment, whatever their correlation."""
        return [one for one in self.instances if one["segment_id"] == segment.segment_id]

    def cancel(self, segment: Segment, event: dict[str, Any], value: str | None) -> None:
        """The inaction's event: it ends what is inside its frame, corrects a match that fired, contradicts a tag."""
        at_ms, last = event["at_ms"], len(segment.steps) - 1
        cancelled = [
            one
            for one in self.of(segment)
            if one["step"] == last and one["correlation"] == value and one["acted_ms"] <= at_ms <= one["deadline_ms"]
        ]
        for instance in cancelled:
            self.give_up(segment, instance)
        tag = self.tags.held.get(segment.segment_id)
        inside = tag and tag["correlation"] == value and tag["acted_ms"] <= at_ms <= tag["deadline_ms"]
        if inside and self.now_ms - tag["deadline_ms"] <= self.rules.correction_horizon_ms:
            self.tags.remove(tag, "late_event", at_ms, [event["id"]])
        self.contradict(segment, event["id"], at_ms)

    def contradict(self, segment: Segment, event_id: str, at_ms: int) -> None:
        """What contradicts a tag waits until all matches before it are known, then takes the tag away."""
        waiting = self.waiting(segment, at_ms)
        if waiting:
            latest = max(waiting, key=lambda one: one["deadline_ms"])
            if latest["kept"] is None or at_ms < latest["kept"][1]:
                latest["kept"] = (event_id, at_ms)
            return
        self.expire_before(segment, at_ms)
        tag = self.tags.held.get(segment.segment_id)
        if tag and at_ms > tag["deadline_ms"]:
            self.tags.remove(tag, "contradicted", at_ms, [event_id])

    def waiting(self, segment: Segment, at_ms: int) -> list[dict[str, Any]]:
        """Instances whose frame ended before `at_ms` but whose grace still runs; opened last comes first."""
        last = len(segment.steps) - 1
        return [
            one
            for one in reversed(self.of(segment))
            if one["step"] == last and segment.steps[last].inaction and one["deadline_ms"] < at_ms
        ]

    def expire_before(self, segment: Segment, at_ms: int) -> None:
        """A tag that ran out before this instant is gone, unless one still waits that may have prolonged it."""
        tag = self.tags.held.get(segment.segment_id)
        ran_out = tag and tag["expires_at_ms"] is not None and tag["expires_at_ms"] < at_ms
        if ran_out and not self.waiting(segment, tag["expires_at_ms"] + 1):
            self.tags.expire(tag)

    def advance(self, segment: Segment, event: dict[str, Any], value: str | None, fitting: list[bool]) -> bool:
        """Every instance that awaits this action moves on; the last action of all is a match."""
        awaiting = [
            one
            for one in self.of(segment)
            if one["correlation"] == value
            and fitting[one["step"]]
            and not segment.steps[one["step"]].inaction
            and one["acted_ms"] <= event["at_ms"] <= one["deadline_ms"]
        ]
        for instance in awaiting:
            instance["cause"].append(event["id"])
            if instance["step"] + 1 == len(segment.steps):
                self.instances.remove(instance)
                self.tags.match(segment, instance, event["at_ms"], event["at_ms"])
            else:
                self.await_next(segment, instance, event["at_ms"])
        return bool(awaiting)

    def open(self, segment: Segment, event: dict[str, Any], value: str | None) -> None:
        """An event of step 1 opens an instance, as far as those already running let it."""
        at_ms = event["at_ms"]
        if segment.compat_octy:
            self.contradict(segment, event["id"], at_ms)
        running = [one for one in self.of(segment) if one["correlation"] == value and at_ms <= one["deadline_ms"]]
        if running and segment.on_repeat == "ignore":
            return
        if running and segment.on_repeat == "restart":
            if at_ms < running[-1]["acted_ms"]:
                return
            for instance in running:
                self.give_up(segment, instance)
        instance = self.anchored(segment, event, value)
        self.instances.append(instance)
        self.await_next(segment, instance, at_ms)
        if instance in self.instances and len(running) == INSTANCES_AT_ONCE and segment.on_repeat == "parallel":
            self.give_up(segment, running[0])
        if len(self.instances) > INSTANCES_OF_A_PROFILE:
            self.instances.pop(0)

    def anchored(self, segment: Segment, event: dict[str, Any], value: str | None) -> dict[str, Any]:
        return {
            "segment_id": segment.segment_id,
            "version": segment.version,
            "correlation": value,
            "anchor": event["id"],
            "anchor_ms": event["at_ms"],
            "step": 0,
            "acted_ms": event["at_ms"],
            "deadline_ms": event["at_ms"],
            "cause": [event["id"]],
            "kept": None,
        }

    def await_next(self, segment: Segment, instance: dict[str, Any], at_ms: int) -> None:
        """A step was done: wait for the next, unless the event that must not come was seen out of order."""
        instance["deadline_ms"] = at_ms + segment.steps[instance["step"]].within_ms
        instance["acted_ms"] = at_ms
        instance["step"] += 1
        if not segment.steps[instance["step"]].inaction:
            return
        seen = [one for one in self.sightings if segment.segment_id in one["segments"]]
        for sighting in seen:
            same = sighting["segments"][segment.segment_id] == instance["correlation"]
            if same and at_ms < sighting["at_ms"] <= instance["deadline_ms"]:
                self.instances.remove(instance)
                return
        for sighting in seen:
            if sighting["at_ms"] > instance["deadline_ms"]:
                self.contradict(segment, sighting["id"], sighting["at_ms"])

    def give_up(self, segment: Segment, instance: dict[str, Any]) -> None:
        """An instance ends without a match; what it kept contradicts whatever else there is."""
        self.instances.remove(instance)
        if instance["kept"]:
            self.contradict(segment, *instance["kept"])
