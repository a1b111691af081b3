"""What segments would do before anybody applies them: who is in them now, and how many webhooks a day they would send.

Asked of the archive, so as far as that has come. Live segments are replayed over the last days, dynamic ones over all
of history; past ones are looked at as of the end of each of the last days.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from octyseg.engine.catalog import Catalog
from octyseg.engine.rules import Rules
from octyseg.history.archive import Archive, partitions_in
from octyseg.history.evaluate import Asked, asked_in, evaluate
from octyseg.history.playback import records
from octyseg.hosting.replay import replay
from octyseg.model.change import TagChange
from octyseg.model.definitions.compile import compile_definitions
from octyseg.model.definitions.definition import SegmentDefinition
from octyseg.model.refusal import Refusal
from octyseg.model.segment import DAY_MS, Segment

SAMPLE = 5


class Preview(NamedTuple):
    """What one segment would do; `webhooks_a_day` is over the days that were asked for."""

    segment: str
    segment_type: str
    members: int
    sample: list[str]
    webhooks_a_day: float


class Past(NamedTuple):
    """Where to look, as of when, over how many days, and by whose figures."""

    directory: Path
    now_ms: int
    days: int
    engine: str
    rules: Rules


def preview(definitions: Sequence[SegmentDefinition], past: Past) -> list[Preview]:
    """One preview for each segment but static ones, in their order."""
    archives = [Archive(past.directory, partition) for partition in partitions_in(past.directory)]
    members: dict[str, set[str]] = {one.segment_name: set() for one in definitions}
    changes = dict.fromkeys(members, 0)
    for archive in archives:
        _ask(archive, asked_in(definitions), past, members, changes)
        _replay(archive, compile_definitions(definitions), past, members, changes)
    return [
        Preview(
            one.segment_name,
            one.segment_type,
            len(members[one.segment_name]),
            sorted(members[one.segment_name])[:SAMPLE],
            round(changes[one.segment_name] / past.days, 2) if one.webhook else 0.0,
        )
        for one in definitions
        if one.segment_type != "static"
    ]


def _ask(
    archive: Archive, asked: list[Asked], past: Past, members: Mapping[str, set[str]], changes: dict[str, int]
) -> None:
    """Past and dynamic segments: who is in them now; and of past ones, who came and went from day to day."""
    before: dict[str, set[str]] = {}
    looked_at = [one for one in asked if one.definition is not None and one.rule is None]
    for day in range(past.days, -1, -1):
        some = asked if day == 0 else looked_at
        if not some:
            continue
        as_of_ms = past.now_ms - day * DAY_MS
        found = evaluate(some, archive.history(as_of_ms, archive.reached()), as_of_ms, past.engine)
        for one in looked_at:
            here = set(found[one.key])
            if one.key in before:
                changes[one.key] += len(here ^ before[one.key])
            before[one.key] = here
    for one in asked:
        members[one.key].update(found[one.key])


def _replay(
    archive: Archive,
    segments: Iterable[Segment],
    past: Past,
    members: Mapping[str, set[str]],
    changes: dict[str, int],
) -> None:
    """Live segments over the last days, dynamic ones over all there is."""
    begun_ms = past.now_ms - past.days * DAY_MS
    live = [one for one in segments if one.segment_type == "live"]
    dynamic = [one for one in segments if one.segment_type == "dynamic"]
    for some, since_ms in ((live, begun_ms), (dynamic, 0)):
        for change in _told(archive, some, since_ms, past):
            if change.occurred_at_ms > begun_ms and change.webhook:
                changes[change.segment_tag] += 1
            if change.segment_type == "live":
                (members[change.segment_tag].discard if change.kind == "removed" else members[change.segment_tag].add)(
                    change.profile_id
                )


def _told(archive: Archive, segments: list[Segment], since_ms: int, past: Past) -> Iterator[TagChange]:
    if segments:
        lines = (record for _, record in records(archive, since_ms, past.now_ms))
        yield from replay(lines, Catalog(segments), past.rules, drain=False, on_refusal=_was_admitted)


def _was_admitted(_number: int, refusal: Refusal) -> None:
    raise AssertionError(refusal)
