"""A segment as the engine reads it: a definition that passed its rules, compiled to plain frozen values.

Made by octyseg.model.definitions.compile from a stored definition; read by octyseg.engine. Durations are
milliseconds. Nothing here decides anything.
"""

from typing import Any, Literal

from msgspec import Struct

MINUTE_MS = 60_000
DAY_MS = 24 * 60 * MINUTE_MS

SegmentType = Literal["live", "past", "dynamic", "static"]
OnRepeat = Literal["ignore", "restart", "parallel"]
Notify = Literal["every_match", "on_enter"]


class Step(Struct, frozen=True):
    """One event of a sequence. `within_ms` is the frame to the next step (exp_timeframe), 0 on the last."""

    event_type: str
    properties: dict[str, Any] = {}
    within_ms: int = 0
    inaction: bool = False


class Condition(Struct, frozen=True):
    """A leaf on an attribute of the profile, e.g. path `profile_data.plan`, operator `eq`, value `gold`."""

    path: str
    operator: str
    value: Any = None


class Performed(Struct, frozen=True):
    """A leaf on the events of the profile: how many of them there are in a window.

    `leaf` counts the performed leaves of the rule from 0, as they are written. `at_most` None: no bound.
    `within_ms` is the length of a window that moves with time, `between_ms` one that stands still, both
    ends in it; neither: ever.
    """

    leaf: int
    event_type: str
    properties: dict[str, Any] = {}
    at_least: int = 1
    at_most: int | None = None
    within_ms: int | None = None
    between_ms: tuple[int, int] | None = None


class InSegment(Struct, frozen=True):
    """A leaf on being a member of another segment, or none of it."""

    segment_id: str
    member: bool = True


class Every(Struct, frozen=True):
    """All parts hold."""

    parts: "tuple[Rule, ...]"


class Either(Struct, frozen=True):
    """At least one part holds."""

    parts: "tuple[Rule, ...]"


class Negated(Struct, frozen=True):
    """The part is known not to hold."""

    part: "Rule"


Rule = Condition | Performed | InSegment | Every | Either | Negated


class Segment(Struct, frozen=True):
    """What the engine needs of one definition.

    `version` counts every edit. `matching_since` is the lowest version whose matching rules equal
    this one's: instances and tags earned under a version at or above it are still good. `rule` is the
    tree of conditions of a dynamic segment; with `notify_backfill` receivers hear of those whom its history
    makes members, too.
    """

    segment_id: str
    tag: str
    version: int
    segment_type: SegmentType
    sub_type: int = 1
    matching_since: int = 1
    steps: tuple[Step, ...] = ()
    on_repeat: OnRepeat = "ignore"
    correlate_by: str | None = None
    notify: Notify = "every_match"
    cooldown_ms: int = 0
    tag_ttl_ms: int = 0
    conditions: tuple[Condition, ...] = ()
    compat_octy: bool = False
    webhook: bool = True
    notify_backfill: bool = False
    deleted: bool = False
    rule: Rule | None = None
