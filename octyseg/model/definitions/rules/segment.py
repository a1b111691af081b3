"""Rules on a segment as a whole: its name, its type, its windows, and which keys its type knows.

Each function takes a draft and says what breaks one rule; it keeps silent on values of the wrong kind,
of which the shape speaks. Listed in octyseg.model.rules.
"""

from collections.abc import Iterator

from octyseg.model.definitions.definition import MAX_FRAME_DAYS, MAX_FRAME_MINUTES, MAX_NAME_LENGTH
from octyseg.model.definitions.meaning import minutes_ms
from octyseg.model.definitions.reading.draft import Draft
from octyseg.model.definitions.spelling import Finding

TYPES = ("live", "past", "dynamic", "static")
SUB_TYPES = {"live": (1, 2, 3), "past": (1, 2, 3, 4)}
WITH_PROPERTY = (("past", 3), ("past", 4))

# Keys that only some types know. The others know them not at all, so that no option is silently without effect.
_BELONGS: dict[str, tuple[str, ...]] = {
    "event_sequence": ("live", "past"),
    "compat": ("live", "past"),
    "on_repeat": ("live",),
    "correlate_by": ("live",),
    "notify": ("live",),
    "cooldown_minutes": ("live",),
    "tag_ttl_minutes": ("live",),
    "profile_conditions": ("live",),
    "ordered": ("past",),
    "inaction_scope": ("past",),
    "conditions": ("dynamic",),
    "notify_backfill": ("dynamic",),
}


def v2(draft: Draft) -> Iterator[Finding]:
    """The type is one of the four."""
    if not draft.has("segment_type"):
        yield draft.at("segment_type"), f"{draft.named('segment_type')} is missing: write one of {', '.join(TYPES)}"
    elif draft.segment_type not in TYPES:
        given = draft.leaf("segment_type")
        yield draft.at("segment_type"), f"{draft.named('segment_type')} is {given}: write one of {', '.join(TYPES)}"


def v3(draft: Draft) -> Iterator[Finding]:
    """The sub type is one that the type has."""
    segment_type, sub_type = draft.kind
    if segment_type not in TYPES:
        return
    name = draft.named("segment_sub_type")
    known = SUB_TYPES.get(segment_type, ())
    if not known:
        if draft.has("segment_sub_type"):
            yield draft.at("segment_sub_type"), f"{segment_type} segments have no {name}: remove it"
        return
    choice = ", ".join(map(str, known[:-1])) + f" or {known[-1]}"
    if not draft.has("segment_sub_type"):
        yield draft.at("segment_sub_type"), f"{name} is missing: a {segment_type} segment needs {choice}"
    elif sub_type is not None and sub_type not in known:
        yield draft.at("segment_sub_type"), f"{name} is {sub_type}: a {segment_type} segment needs {choice}"


def v4(draft: Draft) -> Iterator[Finding]:
    """A live segment has no window of days."""
    days = draft.number("segment_timeframe")
    if draft.segment_type == "live" and days not in (None, 0):
        name = draft.named("segment_timeframe")
        yield (
            draft.at("segment_timeframe"),
            f"{name} is {days}: write 0, a live segment has frames between its events instead of a window of days",
        )


def v5(draft: Draft) -> Iterator[Finding]:
    """A past segment looks back a whole number of days."""
    if draft.segment_type != "past":
        return
    name = draft.named("segment_timeframe")
    days = draft.number("segment_timeframe")
    wanted = f"write a whole number of days from 1 to {MAX_FRAME_DAYS}"
    if not draft.has("segment_timeframe"):
        yield draft.at("segment_timeframe"), f"{name} is missing: {wanted}"
    elif days is not None and (not isinstance(days, int) or not 1 <= days <= MAX_FRAME_DAYS):
        yield draft.at("segment_timeframe"), f"{name} is {days}: {wanted}"


def v6(draft: Draft) -> Iterator[Finding]:
    """The profile property belongs to past 3 and 4, name and value together."""
    pair = ("profile_property_name", "profile_property_value")
    segment_type, sub_type = draft.kind
    if segment_type not in TYPES or (segment_type == "past" and sub_type is None):
        return
    wanted = (segment_type, sub_type) in WITH_PROPERTY
    for key in pair:
        name = draft.named(key)
        if wanted and not draft.has(key):
            yield draft.at(key), f"{name} is missing: past sub types 3 and 4 need a property name and its value"
        if not wanted and draft.has(key):
            yield draft.at(key), f"only past sub types 3 and 4 have a profile property: remove {name}"


def v21(draft: Draft) -> Iterator[Finding]:
    """The name can be shown on one line."""
    name = draft.named("segment_name")
    text = draft.text("segment_name")
    if not draft.has("segment_name"):
        yield draft.at("segment_name"), f"{name} is missing: give the segment a name, it becomes the tag"
    elif text is None:
        return
    elif not text.strip():
        yield draft.at("segment_name"), f"{name} is blank: write 1 to {MAX_NAME_LENGTH} characters"
    elif len(text) > MAX_NAME_LENGTH:
        yield draft.at("segment_name"), f"{name} has {len(text)} characters: use at most {MAX_NAME_LENGTH}"
    elif not text.isprintable():
        yield draft.at("segment_name"), f"{name} has a line break or control character in it: remove it"


def option(draft: Draft) -> Iterator[Finding]:
    """An option stands where it has an effect, and its value makes sense."""
    segment_type = draft.segment_type
    if segment_type not in TYPES:
        return
    for key, types in _BELONGS.items():
        # An empty list says nothing, and Octy's clients send one with every segment.
        says_something = draft.has(key) and draft.node.entries[key].value not in ([], {})
        if says_something and segment_type not in types:
            only = " and ".join(types)
            yield draft.at(key), f"only {only} segments have {draft.named(key)}: remove it"
    if segment_type in ("dynamic", "static") and draft.number("segment_timeframe") not in (None, 0):
        name = draft.named("segment_timeframe")
        yield draft.at("segment_timeframe"), f"{segment_type} segments have no {name}: remove it"
    if segment_type == "dynamic" and not draft.has("conditions"):
        yield draft.at("conditions"), "conditions are missing: a dynamic segment needs all, any, not or one condition"
    yield from _spans(draft)


def _spans(draft: Draft) -> Iterator[Finding]:
    """Cooldown and life of the tag are lengths of time."""
    for key, least in (("cooldown_minutes", "0"), ("tag_ttl_minutes", "more than 0")):
        minutes = draft.number(key)
        if minutes is None:
            continue
        # A life that rounds to nothing would be one without end.
        too_little = minutes < 0 or (key == "tag_ttl_minutes" and minutes_ms(minutes) < 1)
        if too_little or minutes > MAX_FRAME_MINUTES:
            wanted = f"write {least} to {MAX_FRAME_MINUTES} minutes ({MAX_FRAME_DAYS} days), or leave it out"
            yield draft.at(key), f"{draft.named(key)} is {minutes}: {wanted}"
