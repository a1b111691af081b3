"""A segment as the engine reads it: a definition that passed its rules, compiled to plain frozen values.

Made by octyseg.model.compile from a stored definition; read by octyseg.engine. Durations are
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


class Segment(Struct, frozen=True):
    """What the engine needs of one definition.

    `version` counts every edit. `matching_since` is the lowest version whose matching rules equal
    this one's: instances and tags earned under a version at or above it are still good.
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
    deleted: bool = False
