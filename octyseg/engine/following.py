"""The dynamic segments of one partition: between the partition, which knows when, and octyseg.engine.dynamic.

The partition tells of everything that happened to the profile in hand; a partition without dynamic
segments asks `is_idle` and nothing else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from octyseg.engine import dynamic, merging
from octyseg.engine.catalog import Catalog
from octyseg.engine.dynamic import Noticed, Stand, Trigger
from octyseg.engine.handover import Handovers
from octyseg.engine.matching import matches
from octyseg.engine.rules import Rules
from octyseg.engine.selectors import Dynamics, Selector
from octyseg.engine.state import ProfileState
from octyseg.engine.subject import Subject
from octyseg.model.command import Backfill, Ready, Union
from octyseg.model.refusal import Refusal

_NOTHING = Dynamics(())
_SWEPT = frozenset({"definition_changed", "definition_deleted"})


class Following:
    """Lives as long as its partition has its owner. `clock_ms` is the partition's clock, told by each call."""

    def __init__(self, rules: Rules, epoch: int) -> None:
        self.handovers = Handovers(epoch)
        self.is_idle = True
        self._catalog = Catalog()
        self._dynamics = _NOTHING
        self._rules = rules

    def adopt(self, catalog: Catalog) -> None:
        """Follow new definitions."""
        self._catalog = catalog
        self._dynamics = catalog.dynamics or _NOTHING
        self.is_idle = catalog.dynamics is None
        self.handovers.follow(catalog.dynamics)

    def picked(self, event_type: str, properties: Mapping[str, Any]) -> list[Selector]:
        """The selectors that an event is for."""
        found = self._dynamics.of_type.get(event_type, ())
        return [one for one in found if not one.properties or matches(one.properties, properties, as_text=False)]

    def happened(
        self,
        subject: Subject,
        selectors: Sequence[Selector],
        entry: tuple[int, int],
        trigger: Trigger,
        *,
        mark: int,
        clock_ms: int,
    ) -> int | None:
        """An event was applied, changes since `mark` by it; tells the instant to look at the profile again."""
        stand = self._stand(subject, clock_ms)
        noticed = Noticed()
        for selector in selectors:
            dynamic.notice(subject.state, selector, entry, stand.horizon_ms, noticed)
        if noticed.places or len(subject.changes) > mark:
            dynamic.cascade(subject, stand, noticed.places, trigger, mark)
        return self._alarm(noticed.due_ms)

    def described(self, subject: Subject, trigger: Trigger, *, is_first: bool, clock_ms: int) -> None:
        """A profile record was applied, the first one or a further one."""
        dynamics = self._dynamics
        places = (*dynamics.of_attributes, *dynamics.of_absence) if is_first else dynamics.of_attributes
        dynamic.cascade(subject, self._stand(subject, clock_ms), places, trigger, len(subject.changes))

    def changed(self, subject: Subject, trigger: Trigger, mark: int, clock_ms: int) -> None:
        """Tags changed since `mark` for another reason."""
        if len(subject.changes) > mark:
            dynamic.cascade(subject, self._stand(subject, clock_ms), (), trigger, mark)

    def settle(self, subject: Subject, clock_ms: int) -> None:
        """Let time pass for a profile, for live segments and dynamic ones."""
        dynamic.settle(subject, self._catalog, self._stand(subject, clock_ms), clock_ms)

    def next_due(self, state: ProfileState, clock_ms: int) -> int | None:
        """The instant the clock must pass before time may turn anything dynamic for this profile."""
        if not state.performed and not self._dynamics.dated:
            return None
        low_ms = max(state.settled_ms, clock_ms) - self._rules.grace_ms
        attributes = Subject("", state, 0).attributes()
        return self._alarm(dynamic.next_due(state, attributes, self._dynamics, low_ms))

    def is_outdated(self, state: ProfileState) -> bool:
        """Whether the profile remembers what no segment asks for any more."""
        return any(key not in self._dynamics.selectors for key in state.performed)

    def swept(self, subject: Subject, clock_ms: int) -> None:
        """Tags of definitions that changed are gone: so may those of segments that ask for them."""
        state, low_ms = subject.state, clock_ms - self._rules.grace_ms
        mark = next(
            (number for number, one in enumerate(subject.changes) if one.reason in _SWEPT), len(subject.changes)
        )
        dynamic.prune(state, self._dynamics, low_ms)
        is_told = any(change.reason != "definition_changed" for change in subject.changes[mark:])
        self.changed(subject, Trigger("definitions", subject.now_ms, webhook=is_told), mark, clock_ms)
        state.settled_ms = max(state.settled_ms, clock_ms)

    def judge_fresh(self, subject: Subject, clock_ms: int) -> None:
        """Hold the profile against segments that became ready and have not been held against everybody yet."""
        for adopted in self.handovers.fresh:
            trigger = Trigger(f"ready-{adopted.ready_offset}", adopted.ready_ms, webhook=adopted.webhook)
            place = self._dynamics.place_of[adopted.segment_id]
            dynamic.cascade(subject, self._stand(subject, clock_ms), (place,), trigger, len(subject.changes))
        subject.state.settled_ms = max(subject.state.settled_ms, clock_ms)

    def made_ready(self, command: Ready, offset: int, at_ms: int) -> bool | Refusal | None:
        """Whether profiles have to be judged now; None when the catalog does not back the command."""
        segment = self._catalog.active(command.segment_id, command.version)
        if segment is None or command.version > segment.version:
            return None
        if segment.segment_type != "dynamic":
            return _not_dynamic(command.segment_id)
        adopted = self.handovers.stand(segment)
        if adopted is not None and command.below_offset < adopted.events_offset:
            text = f"the history ends at {command.below_offset}, segment {segment.segment_id} begins at "
            return Refusal("bad_field", f"{text}{adopted.events_offset}: hand over all that came before it")
        return self.handovers.make_ready(segment, offset, at_ms, webhook=command.webhook)

    def selectors_of(self, command: Backfill) -> Sequence[tuple[Selector, ...]] | Refusal | None:
        """The selectors of each leaf that was handed over; None when the catalog does not back the command."""
        segment = self._catalog.active(command.segment_id, command.version)
        if segment is None or command.version > segment.version:
            return None
        if segment.segment_type != "dynamic":
            return _not_dynamic(command.segment_id)
        ruled = self._dynamics.ruled[self._dynamics.place_of[command.segment_id]]
        leaves = len(ruled.keys)
        if any(performed.leaf >= leaves for performed in command.performed):
            return Refusal(
                "bad_field", f"segment {command.segment_id} has {leaves} performed leaves: count them from 0"
            )
        return [
            tuple(self._dynamics.selectors[key] for key in self._dynamics.keys_of(ruled, performed.leaf))
            for performed in command.performed
        ]

    def filled(
        self, subject: Subject, selectors: Sequence[tuple[Selector, ...]], command: Backfill, clock_ms: int
    ) -> None:
        """What the profile did before is known now; segments that are ready already are judged by it."""
        stand, noticed = self._stand(subject, clock_ms), Noticed()
        for performed, picked in zip(command.performed, selectors, strict=True):
            for selector in picked:
                for entry in performed.entries:
                    dynamic.notice(subject.state, selector, entry, stand.horizon_ms, noticed)
        segment = self._dynamics.ruled[self._dynamics.place_of[command.segment_id]].segment
        trigger = Trigger(f"backfill-{command.below_offset}", subject.now_ms, webhook=segment.notify_backfill)
        dynamic.cascade(subject, stand, noticed.places, trigger, len(subject.changes))

    def united(self, subject: Subject, child: ProfileState, union: Union, clock_ms: int) -> None:
        """Another profile was merged into this one."""
        stand = self._stand(subject, clock_ms)
        subject.state.settled_ms = stand.clock_ms
        merging.unite(subject, child, union, self._catalog, stand)

    def _stand(self, subject: Subject, clock_ms: int) -> Stand:
        """A partition that was just opened does not know the time yet; the profile knows how far it had come."""
        clock_ms = max(clock_ms, subject.state.settled_ms)
        return Stand(self._dynamics, self.handovers.ready, self._rules, clock_ms)

    def _alarm(self, due_ms: int | None) -> int | None:
        return None if due_ms is None else due_ms + self._rules.grace_ms


def _not_dynamic(segment_id: str) -> Refusal:
    return Refusal("bad_field", f"segment {segment_id} is not dynamic: only dynamic ones are handed their history")
