"""What the rule of a dynamic segment says of one profile at one instant: true, false or unknown.

Unknown is what is asked of something the profile does not have. It never admits, negated or not, and only
`not_exists` admits absence: a group of all is unknown when no part is false and one is unknown, a group of
any when no part is true and one is unknown, and the negation of unknown is unknown.

    performed   the entries in the window; an entry leaves `within` N once the clock has passed its time + N + grace
    attribute   as of the newest instant that is settled, or of the profile's last record when that is later
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from octyseg.engine.conditions import admits, is_missing
from octyseg.engine.state import ProfileState
from octyseg.model.segment import Condition, Either, Every, InSegment, Negated, Performed, Rule

# (event time, offset), the newest first.
Entries = Sequence[tuple[int, int]]


class View(Struct, frozen=True, gc=False):
    """What a rule may look at: the state, its attributes, and how far time has come.

    `keys` gives the key of the entries of each performed leaf. Entries whose window ended before
    `horizon_ms` have left it. `as_of_ms` is what relative dates count from.
    """

    state: ProfileState
    attributes: Mapping[str, Any]
    keys: Sequence[int]
    horizon_ms: int
    as_of_ms: int


def view_of(state: ProfileState, attributes: Mapping[str, Any], keys: Sequence[int], horizon_ms: int) -> View:
    """The profile as it is when everything that was due before `horizon_ms` was done."""
    return View(state, attributes, keys, horizon_ms, max(horizon_ms - 1, state.updated_at_ms or 0))


def holds(rule: Rule, view: View) -> bool | None:
    """Whether the rule holds; None: unknown."""
    return _JUDGES[type(rule)](rule, view)


def reaches(entries: Entries, count: int, within_ms: int | None, horizon_ms: int) -> bool:
    """Whether so many entries, at least one, are in the window."""
    if len(entries) < count:
        return False
    return within_ms is None or entries[count - 1][0] + within_ms >= horizon_ms


def counts(entries: Entries, at_least: int, at_most: int | None, window: tuple[int | None, int]) -> bool:
    """Whether the number of entries in the window (its length, the horizon) lies between the bounds."""
    if at_least and not reaches(entries, at_least, *window):
        return False
    return at_most is None or not reaches(entries, at_most + 1, *window)


def _every(rule: Every, view: View) -> bool | None:
    found: bool | None = True
    for part in rule.parts:
        held = holds(part, view)
        if held is False:
            return False
        if held is None:
            found = None
    return found


def _either(rule: Either, view: View) -> bool | None:
    found: bool | None = False
    for part in rule.parts:
        held = holds(part, view)
        if held:
            return True
        if held is None:
            found = None
    return found


def _negated(rule: Negated, view: View) -> bool | None:
    held = holds(rule.part, view)
    return None if held is None else not held


def _condition(rule: Condition, view: View) -> bool | None:
    if rule.operator != "not_exists" and is_missing(rule.path, view.attributes):
        return None
    return admits(rule, view.attributes, view.as_of_ms)


def _performed(rule: Performed, view: View) -> bool:
    entries = view.state.performed.get(view.keys[rule.leaf], ())
    return counts(entries, rule.at_least, rule.at_most, (rule.within_ms, view.horizon_ms))


def _in_segment(rule: InSegment, view: View) -> bool | None:
    if not rule.segment_id:
        return None
    return any(tag.segment_id == rule.segment_id for tag in view.state.tags) is rule.member


_JUDGES: dict[type, Callable[[Any, View], bool | None]] = {
    Every: _every,
    Either: _either,
    Negated: _negated,
    Condition: _condition,
    Performed: _performed,
    InSegment: _in_segment,
}
