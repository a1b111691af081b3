"""A plan: what applying or deleting would do, before it is done, and the records that do it.

Made by octyseg.model.definitions.planning; shown by `diff` and `apply --dry-run`; its records are appended to the
definitions topic by the caller, all or none of them.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from octyseg.model.definitions.difference import FieldChange
from octyseg.model.definitions.registry import DefinitionRecord

PlannedKind = Literal["segment", "event type", "account", "webhook endpoint"]


class Planned(NamedTuple):
    """One definition of a plan. `id` is a segment's id, else the name; `fields` says what changes."""

    kind: PlannedKind
    name: str
    id: str
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What will be created, changed, deleted or left; problems forbid all of it."""

    created: tuple[Planned, ...] = ()
    changed: tuple[Planned, ...] = ()
    deleted: tuple[Planned, ...] = ()
    unchanged: tuple[Planned, ...] = ()
    problems: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    appends: tuple[DefinitionRecord, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether everything is already as asked."""
        return not (self.created or self.changed or self.deleted or self.problems)

    def records(self) -> list[DefinitionRecord]:
        """Key and value of each record to append, in order."""
        assert not self.problems, "a plan with problems is not carried out"
        return list(self.appends)
