"""Who is in which segment as of an instant: definitions in, ids of profiles out, one pass over history for all.

Attributes are judged by the engine's own code, once for each leaf and profile, and come to the database as
columns; what is asked of events is the database's. Segments that ask for other segments are answered after them.
"""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from octyseg.engine.conditions import admits, is_missing
from octyseg.engine.matching import matches
from octyseg.errors import UsageError
from octyseg.history import question
from octyseg.history.source import History
from octyseg.model.definitions.compile_rule import compile_rule
from octyseg.model.definitions.definition import SegmentDefinition
from octyseg.model.segment import Condition, InSegment, Rule

if TYPE_CHECKING:
    from ibis.expr import types as ir

    from octyseg.history.engines import Engine

DUCKDB = "duckdb"
_RECORD = "has_record"
_INSIDE = "inside "


class Asked(NamedTuple):
    """A segment whose members are asked for: a past one by its definition, a dynamic one by its rule."""

    key: str
    definition: SegmentDefinition | None
    rule: Rule | None

    def segments(self) -> list[str]:
        """The keys of the segments that it asks for; one that nobody has is never known."""
        return [] if self.rule is None else sorted({one.segment_id for one in question.segments_in(self.rule)} - {""})


def asked_in(definitions: Iterable[SegmentDefinition]) -> list[Asked]:
    """The past and dynamic segments of a file, by their names."""
    definitions = list(definitions)
    names = {one.segment_name: one.segment_name for one in definitions}
    asked = [one for one in definitions if one.segment_type in ("past", "dynamic")]
    return [
        Asked(one.segment_name, one, compile_rule(one.conditions, names) if one.conditions else None) for one in asked
    ]


def evaluate(
    asked: Iterable[Asked], history: History, as_of_ms: int, engine_name: str = DUCKDB
) -> dict[str, list[str]]:
    """The ids of the members of each segment by its key, sorted.

    Raises UsageError for a dynamic segment that asks for one that is not among them.
    """
    # Ibis takes as long to load as all the rest of a process: who may ask some day does not begin with it.
    from octyseg.history.engines import engine
    from octyseg.history.expressions import Asking

    asked = _in_order(list(asked))
    leaves = _Leaves(as_of_ms)
    questions = [leaves.question(one) for one in asked]
    members: dict[str, list[str]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="octyseg-history-") as directory,
        engine(engine_name, Path(directory)) as db,
    ):
        asking = Asking(questions)
        relevant = asking.relevant(_events(db, history), has_repeats=history.has_ids)
        if history.has_ids:
            # Finding the copies is worth keeping; reading files again is not.
            relevant = db.keep("relevant", relevant)
        facts = db.keep("facts", asking.facts(relevant))
        known = leaves.columns(history)
        if known is not None:
            facts = db.keep("everybody", _joined(facts, db.table("known", known)))
        for number, (one, whom) in enumerate(zip(asked, questions, strict=True)):
            inside = _inside(one.segments(), members)
            everybody = facts if inside is None else _joined(facts, db.table(f"inside{number}", inside))
            found = db.fetch(asking.answer(whom, everybody, relevant))
            members[one.key] = sorted(found["profile_id"].to_pylist())
    return members


class _Leaves:
    """What is found out of each profile before the database is asked: a name for each leaf, a column for each name."""

    def __init__(self, as_of_ms: int) -> None:
        self._as_of_ms = as_of_ms
        self._conditions: dict[str, Condition] = {}
        self._properties: dict[str, tuple[str, object, bool]] = {}
        self._asks_for_records = False

    def question(self, asked: Asked) -> question.Question:
        """The question of one segment; remembers its leaves."""
        if asked.rule is not None:
            self._asks_for_records = True
            return question.dynamic(asked.rule, self._as_of_ms, self._name, _RECORD)
        definition = asked.definition
        assert definition is not None
        leaf = None
        if definition.profile_property_name is not None:
            leaf = f"property{len(self._properties)}"
            as_text = definition.compat == "octy"
            self._properties[leaf] = (definition.profile_property_name, definition.profile_property_value, as_text)
        return question.past(definition, self._as_of_ms, leaf)

    def columns(self, history: History) -> pa.Table | None:
        """One row for each profile with a record, and its leaves; None when nobody asks."""
        if not (self._asks_for_records or self._properties):
            return None
        everybody = history.people.attributes()
        columns: dict[str, pa.Array] = {"profile_id": pa.array(everybody, pa.string())}
        columns[_RECORD] = pa.array([True] * len(everybody), pa.bool_())
        for leaf, condition in self._conditions.items():
            values = [_held(condition, one, self._as_of_ms) for one in everybody.values()]
            columns[leaf] = pa.array(values, pa.bool_())
        for leaf, (name, value, as_text) in self._properties.items():
            values = [matches({name: value}, one["profile_data"], as_text) for one in everybody.values()]
            columns[leaf] = pa.array(values, pa.bool_())
        return pa.table(columns)

    def _name(self, leaf: Condition | InSegment) -> str:
        if isinstance(leaf, InSegment):
            return _INSIDE + leaf.segment_id
        name = f"leaf{len(self._conditions)}"
        self._conditions[name] = leaf
        return name


def _held(condition: Condition, attributes: Mapping[str, object], as_of_ms: int) -> bool | None:
    """What the leaf says, None: unknown; as octyseg.engine.truth has it."""
    if condition.operator != "not_exists" and is_missing(condition.path, attributes):
        return None
    return admits(condition, attributes, as_of_ms)


def told_events(db: "Engine", history: History) -> "ir.Table":
    """The events as they came, without those of erased profiles."""
    events = db.table("events", history.rows)
    if history.files:
        events = db.parquet("written", history.files).select(events.columns).union(events)
    erased = history.people.erased
    if erased:
        rows = {"erased_id": pa.array(erased, pa.string()), "erased_at": pa.array(erased.values(), pa.int64())}
        gone = db.table("erased", pa.table(rows))
        joined = events.left_join(gone, events.profile_id == gone.erased_id)
        events = joined.filter(joined.erased_at.isnull() | (joined.place > joined.erased_at)).select(events.columns)
    return events


def _events(db: "Engine", history: History) -> "ir.Table":
    """The events under the ids that their profiles have now."""
    events = told_events(db, history)
    merged = history.people.merged()
    if merged:
        rows = {"child": pa.array(merged, pa.string()), "parent": pa.array(merged.values(), pa.string())}
        went = db.table("merged", pa.table(rows))
        joined = events.left_join(went, events.profile_id == went.child)
        events = joined.mutate(profile_id=joined.parent.coalesce(joined.profile_id)).select(events.columns)
    return events


def _joined(facts: "ir.Table", known: "ir.Table") -> "ir.Table":
    """Everybody of either table, with the columns of both."""
    ids = facts.select("profile_id").union(known.select("profile_id"), distinct=True)
    with_facts = ids.left_join(facts, "profile_id").drop("profile_id_right")
    return with_facts.left_join(known, "profile_id").drop("profile_id_right")


def _inside(names: Sequence[str], members: Mapping[str, Sequence[str]]) -> pa.Table | None:
    """Who is in these segments; None when there are none."""
    if not names:
        return None
    ids = sorted({one for name in names for one in members[name]})
    columns = {"profile_id": pa.array(ids, pa.string())}
    for name in names:
        inside = set(members[name])
        columns[_INSIDE + name] = pa.array([one in inside for one in ids], pa.bool_())
    return pa.table(columns)


def _in_order(asked: Sequence[Asked]) -> list[Asked]:
    """Each behind those it asks for; there are no circles among them, the rules see to that."""
    by_key = {one.key: one for one in asked}
    ordered: dict[str, Asked] = {}

    def add(one: Asked) -> None:
        for name in one.segments():
            if name not in by_key:
                msg = (
                    f'{one.key}: asks for segment "{name}", and history alone does not say who is '
                    "in it: it can for past and dynamic segments of the same file"
                )
                raise UsageError(msg)
            add(by_key[name])
        ordered.setdefault(one.key, one)

    for one in asked:
        add(one)
    return list(ordered.values())
