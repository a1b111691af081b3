"""What a dynamic segment counts, looked up in history: the newest events of each leaf, for the hand-over to the stream.

A leaf that can need n entries gets the n newest there are, and of a window that stands still the n newest in it.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import ibis

from octyseg.history.engines import engine
from octyseg.history.evaluate import told_events
from octyseg.history.expressions import matches
from octyseg.history.question import pattern_of_leaf, performed_in
from octyseg.history.source import History
from octyseg.model.segment import Performed, Rule

# By leaf: (event time, offset), the newest first.
Entries = dict[int, list[tuple[int, int]]]


def entries(rule: Rule, history: History, engine_name: str) -> Iterator[tuple[str, Entries]]:
    """For each profile that did anything a leaf names, under the id its events came with: what it did last."""
    leaves = list(performed_in(rule))
    if not leaves:
        return
    with (
        tempfile.TemporaryDirectory(prefix="octyseg-history-") as directory,
        engine(engine_name, Path(directory)) as db,
    ):
        events = told_events(db, history)
        chosen = [_newest(events, leaf, None) for leaf in leaves]
        chosen += [_newest(events, leaf, leaf.between_ms) for leaf in leaves if leaf.between_ms is not None]
        found = db.fetch(ibis.union(*chosen, distinct=True) if len(chosen) > 1 else chosen[0])
    by_profile: dict[str, Entries] = {}
    columns = (found[name].to_pylist() for name in ("profile_id", "leaf", "at_ms", "place"))
    for profile_id, leaf, at_ms, place in zip(*columns, strict=True):
        by_profile.setdefault(profile_id, {}).setdefault(leaf, []).append((at_ms, place))
    for profile_id, of_leaf in sorted(by_profile.items()):
        yield profile_id, {leaf: sorted(set(some), reverse=True) for leaf, some in sorted(of_leaf.items())}


def _newest(events: ibis.Table, leaf: Performed, between_ms: tuple[int, int] | None) -> ibis.Table:
    found = events.filter(matches(events, pattern_of_leaf(leaf)))
    if between_ms is not None:
        found = found.filter(found.at_ms.between(*between_ms))
    keep = max(leaf.at_least, 0 if leaf.at_most is None else leaf.at_most + 1, 1)
    order = [found.at_ms.desc(), found.place.desc()]
    numbered = found.mutate(number=ibis.row_number().over(group_by="profile_id", order_by=order))
    newest = numbered.filter(numbered.number < keep)
    return newest.select("profile_id", "at_ms", "place", leaf=ibis.literal(leaf.leaf, "int64"))
