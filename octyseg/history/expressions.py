"""From questions to Ibis expressions: one pass over the events answers all of them.

What is asked of events becomes columns of one table with a row for each profile: the newest time and the
newest turn of a pattern, its first turn in a window, how many there were. A question is then a boolean over
these columns. Only sequences of three events and more look at the events again, and at those of their types alone.

A turn orders the events of a profile: by time, and by place in the log where times are equal.
"""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import and_, or_
from typing import Any

import ibis
from ibis.expr import types as ir

from octyseg.history import question as asked
from octyseg.history.question import Pattern, Question, Window
from octyseg.model.segment import DAY_MS

# Copies of an event id so close to each other in event time are one event.
REPEATS_MS = DAY_MS
# A turn is the time since the earliest that is asked for, and these many bits of the place.
_PLACE_BITS = 28


class Asking:
    """The questions of one run; collects their columns, then answers each."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = list(questions)
        found = [one for question in self.questions for one in asked.patterns_in(question)]
        self.event_types = sorted({pattern.event_type for pattern, _ in found})
        afters = [window.after_ms for _, window in found]
        self._after_ms = None if None in afters else min((ms for ms in afters if ms is not None), default=0)
        self.until_ms = max((window.until_ms for _, window in found), default=0)
        self._columns: dict[Any, str] = {}
        for question in self.questions:
            self._collect(question)

    def relevant(self, events: ir.Table, *, has_repeats: bool) -> ir.Table:
        """The events that anybody asks for, each once."""
        chosen = events.filter(events.event_type.isin(self.event_types or [""]), events.at_ms <= self.until_ms)
        if self._after_ms is not None:
            # A copy of an event may lie a day before the window and still be the one that counts.
            chosen = chosen.filter(chosen.at_ms > self._after_ms - REPEATS_MS)
        if has_repeats:
            chosen = _without_repeats(chosen)
        return chosen.select("profile_id", "at_ms", "place", "event_type", "properties")

    def facts(self, relevant: ir.Table) -> ir.Table:
        """One row for each profile that has relevant events, with everything asked of them."""
        columns = {name: self._column(relevant, *what) for what, name in self._columns.items()}
        return relevant.group_by("profile_id").aggregate(**(columns or {"events": relevant.count()}))

    def answer(self, question: Question, facts: ir.Table, relevant: ir.Table) -> ir.Table:
        """The ids of the profiles for which the question is true; `facts` has the known leaves as columns too."""
        members = facts.filter(self._truth(question, facts).fill_null(False)).select("profile_id")
        for chain in _chains(question):
            members = members.semi_join(self._ended(chain, relevant), "profile_id")
        return members

    def _collect(self, question: Question) -> None:
        match question:
            case asked.Happened(pattern):
                self._need(_last_at(pattern))
            case asked.Counted(patterns, window):
                self._need(("count", patterns, window))
            case asked.InOrder((first, last), window):
                self._need(("first_turn", (first,), window))
                self._need(("last_turn", (last,), window))
            case asked.InOrder():
                pass  # looked for among the events
            case asked.Quiet(pattern, after, window):
                self._need(("last_turn", (pattern,), window))
                self._need(("last_turn", after, window))
            case asked.AllOf(parts) | asked.AnyOf(parts):
                for part in parts:
                    self._collect(part)
            case asked.Not(part):
                self._collect(part)

    def _need(self, what: Any) -> None:
        self._columns.setdefault(what, f"f{len(self._columns)}")

    def _column(self, events: ir.Table, kind: str, patterns: Sequence[Pattern], window: Window | None) -> Any:
        chosen = reduce(or_, (matches(events, pattern) for pattern in patterns))
        if window is not None:
            chosen &= _inside(events, window)
        if kind == "count":
            return chosen.ifelse(1, 0).sum()
        # Not by a filter of the aggregate: of no rows ClickHouse then makes a zero, not null.
        if kind == "last_at":
            return chosen.ifelse(events.at_ms, None).max()
        turns = chosen.ifelse(_turn(events, window), None)
        return turns.min() if kind == "first_turn" else turns.max()

    def _truth(self, question: Question, facts: ir.Table) -> Any:
        match question:
            case asked.Happened(pattern, window):
                assert window.until_ms == self.until_ms, "all windows of one run end together"
                last_ms = self._of(facts, _last_at(pattern))
                return last_ms.notnull() if window.after_ms is None else (last_ms > window.after_ms).fill_null(False)
            case asked.Counted(patterns, window, at_least, at_most):
                number = self._of(facts, ("count", patterns, window)).fill_null(0)
                enough = number >= at_least
                return enough if at_most is None else enough & (number <= at_most)
            case asked.InOrder((first, last), window):
                begun = self._of(facts, ("first_turn", (first,), window))
                return _less(begun, self._of(facts, ("last_turn", (last,), window)))
            case asked.InOrder():
                return ibis.literal(True)
            case asked.Quiet(pattern, after, window):
                last, other = (self._of(facts, ("last_turn", one, window)) for one in (after, (pattern,)))
                return ~_less(last, other)
            case asked.Known(leaf, otherwise):
                value = facts[leaf]
                return value if otherwise is None else value.fill_null(otherwise)
            case asked.AllOf(parts):
                return reduce(and_, (self._truth(part, facts) for part in parts), ibis.literal(True))
            case asked.AnyOf(parts):
                return reduce(or_, (self._truth(part, facts) for part in parts), ibis.literal(False))
            case asked.Not(part):
                return ~self._truth(part, facts)

    def _of(self, facts: ir.Table, what: Any) -> Any:
        return facts[self._columns[what]]

    def _ended(self, chain: asked.InOrder, events: ir.Table) -> ir.Table:
        """Profiles that did one pattern after the other: each as early as it can be behind the one before."""
        turns = events.filter(_inside(events, chain.window)).mutate(turn=_turn(events, chain.window))
        first, *others = chain.patterns
        reached = turns.filter(matches(turns, first)).group_by("profile_id").aggregate(reached=turns.turn.min())
        for pattern in others:
            behind = turns.filter(matches(turns, pattern)).select("profile_id", "turn").join(reached, "profile_id")
            later = behind.filter(behind.turn > behind.reached)
            reached = later.group_by("profile_id").aggregate(reached=later.turn.min())
        return reached


def _last_at(pattern: Pattern) -> tuple[str, tuple[Pattern, ...], None]:
    """The newest of all says whether there is one in any window that ends where all do."""
    return ("last_at", (pattern,), None)


def _chains(question: Question) -> list[asked.InOrder]:
    parts = question.parts if isinstance(question, asked.AllOf) else (question,)
    return [part for part in parts if isinstance(part, asked.InOrder) and len(part.patterns) > 2]  # noqa: PLR2004


def matches(events: ir.Table, pattern: Pattern) -> Any:
    """Which of the events are of the pattern."""
    chosen = events.event_type == pattern.event_type
    for lines in pattern.lines:
        chosen &= reduce(or_, (events.properties.contains(line) for line in lines))
    return chosen


def _inside(events: ir.Table, window: Window) -> Any:
    chosen = events.at_ms <= window.until_ms
    return chosen if window.after_ms is None else chosen & (events.at_ms > window.after_ms)


def _turn(events: ir.Table, window: Window | None) -> Any:
    """Where the event comes among those of its profile in the window, which is at most a year long."""
    assert window is not None
    assert window.after_ms is not None
    # Outside the window the product would not fit into 64 bits.
    elapsed_ms = _inside(events, window).ifelse(events.at_ms - window.after_ms, 0)
    return elapsed_ms * 2**_PLACE_BITS + events.place % 2**_PLACE_BITS


def _less(left: Any, right: Any) -> Any:
    """Whether both are there and the left one is smaller."""
    return (left < right).fill_null(False)


def _without_repeats(events: ir.Table) -> ir.Table:
    """Of the copies of an event, by type and id, each held against the one before it in the log.

    The type too, so that what one definition is told does not depend on the types that others ask for.
    """
    before = events.at_ms.lag().over(group_by=("profile_id", "event_type", "event_id"), order_by="place")
    numbered = events.mutate(before_ms=before)
    is_repeat = numbered.event_id.notnull() & ((numbered.at_ms - numbered.before_ms).abs() <= REPEATS_MS)
    return numbered.filter(~is_repeat.fill_null(False)).drop("before_ms")
