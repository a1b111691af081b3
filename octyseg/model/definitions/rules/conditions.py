"""Rules on conditions: what an attribute may be called, which value an operator takes, which trees make sense.

Asked for the profileConditions of live segments and the conditions of dynamic ones. Like all rules it
takes drafts and keeps silent on what the shape already refuses. Listed in octyseg.model.rules.
"""

import difflib
from collections.abc import Callable, Iterator
from datetime import datetime

from octyseg.model.definitions.conditions import FORMS, form_of
from octyseg.model.definitions.reading.draft import Draft
from octyseg.model.definitions.reading.node import Node, described
from octyseg.model.definitions.reading.problem import one_line
from octyseg.model.definitions.spelling import Finding

MAX_CONDITIONS = 100
MAX_SPAN_DAYS = 3650
MAX_COUNT = 1_000
_DAYS = {"days": 1, "hours": 24, "minutes": 24 * 60}
_OBJECTS = ("profile_data", "platform_info")


def condition(draft: Draft) -> Iterator[Finding]:
    """Every condition of the definition can be decided."""
    for leaf in draft.children("profile_conditions"):
        yield from _attribute(leaf)
    if not draft.has("conditions"):
        return
    found = list(conditions_of(draft))
    if len(found) > MAX_CONDITIONS:
        yield draft.at("conditions"), f"there are {len(found)} conditions: use at most {MAX_CONDITIONS}"
    for one in found:
        yield from _JUDGES.get(_form(one), _unknown)(one)


def conditions_of(draft: Draft) -> Iterator[Draft]:
    """Every condition of a dynamic segment's tree, groups included."""
    waiting = [draft.child("conditions")] if draft.has("conditions") else []
    while waiting:
        one = waiting.pop(0)
        yield one
        waiting += [*one.children("all"), *one.children("any")]
        if one.has("not"):
            waiting.append(one.child("not"))


def _form(draft: Draft) -> str:
    return form_of(draft.node.entries) or ""


def _unknown(draft: Draft) -> Iterator[Finding]:
    near = [form for key in draft.node.entries for form in difflib.get_close_matches(key, FORMS, n=1)]
    hint = f"did you mean {near[0]}?" if near else f"write one of {', '.join(FORMS)}"
    yield draft.path, f"{described(draft.node)} is no condition: {hint}"


def _group(draft: Draft) -> Iterator[Finding]:
    key = _form(draft)
    given = draft.node.entries[key].value
    if not isinstance(given, list) or not given:
        yield draft.at(key), f"{key} needs a list of conditions: write at least one below it"


def _nothing(_draft: Draft) -> Iterator[Finding]:
    yield from ()


def _attribute(draft: Draft) -> Iterator[Finding]:
    path = draft.text("attribute")
    if path is not None and not _is_attribute(path):
        wanted = "profile_data.<key>, platform_info.<key>, customer_id, has_charged, status or a key of profile_data"
        yield draft.at("attribute"), f'"{one_line(path)}" is no attribute of a profile: write {wanted}'
    operator = draft.text("operator")
    if operator not in _VALUES:
        return
    fits, wanted = _VALUES[operator]
    value = draft.node.entries.get("value")
    if value is None and wanted:
        yield draft.at("value"), f"{draft.named('value')} is missing: {operator} needs {wanted}"
    elif value is not None and not fits(value):
        needs = f"needs {wanted}" if wanted else "takes no value: remove it"
        yield draft.at("value"), f"{draft.named('value')} is {described(value)}, but {operator} {needs}"


def _is_attribute(path: str) -> bool:
    """Whether the path leads to one value; a first name that is none of the profile's is one of profile_data's."""
    return path not in _OBJECTS and path.isprintable() and all(path.split("."))


def _performed(draft: Draft) -> Iterator[Finding]:
    for key, value in draft.child("event_properties").node.entries.items():
        if isinstance(value.value, dict | list):
            text = f"{key} has more than one value: compare it with one text, number, true or false"
            yield (*draft.at("event_properties"), key), text
    if draft.child("count").node.entries:
        yield from _count(draft.child("count"))
    within = draft.child("within")
    if draft.has("within") and draft.leaf("within") != "ever" and not _is_within(within):
        wanted = f"minutes, hours or days (at most {MAX_SPAN_DAYS} days), between with two instants, or ever"
        yield draft.at("within"), f"{draft.named('within')} is not a length of time: write {wanted}"


def _count(draft: Draft) -> Iterator[Finding]:
    least, most, exact = draft.whole("at_least"), draft.whole("at_most"), draft.whole("exactly")
    if any(number is not None and number < 0 for number in (least, most, exact)) or least == 0:
        yield draft.path, "a count is below 1: write at_most 0, or exactly 0, for an event that never came"
    elif any(number is not None and number > MAX_COUNT for number in (least, most, exact)):
        yield draft.path, f"a count is above {MAX_COUNT:,}: so many events of a profile are counted at most"
    elif exact is not None and (least is not None or most is not None):
        yield draft.path, "exactly stands alone: remove at_least and at_most"
    elif least is not None and most is not None and least > most:
        yield draft.path, f"at_least {least} is more than at_most {most}: exchange them"


def _is_within(draft: Draft) -> bool:
    """One span, or two instants in order."""
    if not draft.has("between"):
        return _is_span(draft.node)
    instants = [instant(item.value) for item in draft.node.entries["between"].items]
    match instants:
        case [datetime() as start, datetime() as end]:
            return len(draft.node.entries) == 1 and start < end
        case _:
            return False


def _is_span(node: Node) -> bool:
    """Exactly one unit with a positive amount that does not overflow."""
    amounts = [(Draft(node).number(unit), per_day) for unit, per_day in _DAYS.items() if unit in node.entries]
    return len(amounts) == 1 and amounts[0][0] is not None and 0 < amounts[0][0] <= MAX_SPAN_DAYS * amounts[0][1]


def instant(value: object) -> datetime | None:
    """The instant an RFC 3339 text with a zone stands for."""
    if not isinstance(value, str) or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _is_single(node: Node) -> bool:
    return not isinstance(node.value, dict | list | None)


def _is_ordered(node: Node) -> bool:
    return isinstance(node.value, int | float | str) and not isinstance(node.value, bool)


def _is_choice(node: Node) -> bool:
    return bool(node.items) and all(_is_single(item) for item in node.items)


def _is_text(node: Node) -> bool:
    return isinstance(node.value, str) and bool(node.value)


def _is_instant(node: Node) -> bool:
    return instant(node.value) is not None


def _never(_node: Node) -> bool:
    return False


_Fit = tuple[Callable[[Node], bool], str]
_SINGLE: _Fit = (_is_single, "one text, number, true or false")
_ORDERED: _Fit = (_is_ordered, "a number or a text")
_CHOICE: _Fit = (_is_choice, "a list of values")
_TEXT: _Fit = (_is_text, "a text")
_INSTANT: _Fit = (_is_instant, "an instant with its zone, e.g. 2026-05-18T17:26:45Z")
_SPAN: _Fit = (_is_span, f"minutes, hours or days above 0, e.g. days: 30 (at most {MAX_SPAN_DAYS} days)")

_VALUES: dict[str, _Fit] = {
    "eq": _SINGLE,
    "ne": _SINGLE,
    **dict.fromkeys(("gt", "gte", "lt", "lte"), _ORDERED),
    **dict.fromkeys(("in", "not_in"), _CHOICE),
    "contains": _SINGLE,
    **dict.fromkeys(("starts_with", "ends_with"), _TEXT),
    **dict.fromkeys(("exists", "not_exists"), (_never, "")),
    **dict.fromkeys(("before", "after"), _INSTANT),
    **dict.fromkeys(("within_last", "more_than_ago"), _SPAN),
}

_JUDGES: dict[str, Callable[[Draft], Iterator[Finding]]] = {
    "all": _group,
    "any": _group,
    "not": _nothing,
    "attribute": _attribute,
    "performed": _performed,
    "segment": _nothing,
}
