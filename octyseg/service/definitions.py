"""Definitions: what there is, and changing it by a request or a whole file."""

from typing import Any, NamedTuple

from octyseg.errors import Conflict, DefinitionError, NotFound
from octyseg.model.change import rfc3339
from octyseg.model.definitions.contents import Definitions
from octyseg.model.definitions.deletion import plan_delete, plan_delete_event_types
from octyseg.model.definitions.plan import Plan, Planned
from octyseg.model.definitions.planning import plan
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredEventType, StoredSegment
from octyseg.model.ids import id_of_event_type, new_segment_id
from octyseg.model.ledger import Ledger
from octyseg.service.access import Access

_EVALUATED = ("past", "dynamic")


class Instead(NamedTuple):
    """Which segment a request replaces, and the version it was made from; None: whichever there is."""

    segment_id: str
    version: int | None

    def check(self, registry: Registry, definitions: Definitions) -> None:
        """Conflict when it was changed meanwhile; DefinitionError when the request is of another segment."""
        old = registry.segment(self.segment_id)
        if old is None or (self.version is not None and self.version != old.version):
            msg = f"the segment is at version {0 if old is None else old.version} by now: read it again, then change it"
            raise Conflict(msg)
        if [one.segment_name for one in definitions.segments] != [old.name]:
            raise DefinitionError([f'a segment keeps its name: send one definition named "{old.name}"'])


async def segments(access: Access) -> list[dict[str, Any]]:
    """All segments with their state; members are counted where the projection is open."""
    registry = await access.registry()
    await access.ledger.catch_up()
    return [shown_segment(stored, access.ledger.ledger) for stored in registry.segments()]


async def segment(access: Access, name_or_id: str) -> StoredSegment:
    """The segment of a name or id; NotFound when it is not there or was deleted."""
    stored = (await access.registry()).segment(name_or_id)
    if stored is None or stored.status == "deleted":
        msg = f'there is no segment "{name_or_id}": `octyseg get segments` lists them'
        raise NotFound(msg)
    return stored


async def active_segment(access: Access, name_or_id: str) -> StoredSegment:
    """The same, of those that match."""
    stored = await segment(access, name_or_id)
    if stored.status != "active":
        msg = f'the segment "{stored.name}" is being deleted: wait for its end, then make it again'
        raise Conflict(msg)
    return stored


def shown_segment(stored: StoredSegment, ledger: Ledger) -> dict[str, Any]:
    """A segment with everything that is defined of it."""
    return {
        "segment_id": stored.segment_id,
        **stored.definition.model_dump(mode="json"),
        "segment_status": status_of(stored, ledger),
        "version": stored.version,
        "created_at": rfc3339(stored.created_at_ms),
        "updated_at": rfc3339(stored.updated_at_ms),
    }


def status_of(stored: StoredSegment, ledger: Ledger) -> str:
    """active, building (its members are being found), failed (they were not) or pending_deletion."""
    if stored.status != "active" or stored.definition.segment_type not in _EVALUATED:
        return stored.status
    if ledger.was_ready(stored.segment_id, stored.matching_since) is not None:
        return "active"
    runs = [one for one in ledger.of_segment(stored.segment_id) if one.version >= stored.matching_since]
    return "failed" if runs and all(one.status == "failed" for one in runs) else "building"


async def apply(access: Access, data: bytes, source: str, *, dry_run: bool = False) -> dict[str, Any]:
    """Make the definitions of a file the ones in force; DefinitionError when any of them breaks a rule.

    The plan that was carried out or, with `dry_run`, would be.
    """
    return shown_plan(await _change(access, data, source, dry_run=dry_run), done=not dry_run)


async def create(access: Access, data: bytes) -> tuple[StoredSegment, tuple[str, ...]]:
    """The one segment of a request, and warnings; its name must be free."""
    planned = await _change(access, data, "request", single=True, create_only=True)
    if not planned.created or planned.created[0].kind != "segment":
        raise DefinitionError(["the request holds no segment: send one definition"])
    return await segment(access, planned.created[0].id), planned.warnings


async def replace(
    access: Access, name_or_id: str, data: bytes, version: int | None
) -> tuple[StoredSegment, tuple[str, ...]]:
    """The request in the place of a segment's definition; Conflict unless it is at `version` still."""
    old = await active_segment(access, name_or_id)
    planned = await _change(access, data, "request", single=True, instead=Instead(old.segment_id, version))
    return await segment(access, old.segment_id), planned.warnings


async def validate(access: Access, data: bytes) -> tuple[str, ...]:
    """Warnings of definitions that break no rule; DefinitionError tells every rule that is broken."""
    return (await _change(access, data, "request", dry_run=True)).warnings


async def delete(access: Access, names_or_ids: list[str]) -> dict[str, Any]:
    """Stop matching at once; the workers take the tags back. The plan that was carried out."""
    async with access.defining:
        planned = plan_delete(await access.registry(), names_or_ids, now_ms=access.now_ms())
        return shown_plan(await _carry_out(access, planned), done=True)


async def event_types(access: Access) -> list[dict[str, Any]]:
    """The declared event types."""
    return [shown_event_type(stored) for stored in (await access.registry()).event_types()]


def shown_event_type(stored: StoredEventType) -> dict[str, Any]:
    """An event type with its id and times."""
    return {
        "event_type_id": id_of_event_type(stored.definition.event_type),
        "event_type": stored.definition.event_type,
        "event_properties": list(stored.definition.event_properties),
        "created_at": rfc3339(stored.created_at_ms),
    }


async def delete_event_types(access: Access, names_or_ids: list[str]) -> dict[str, Any]:
    """Forget declared event types that no segment asks for. The plan that was carried out."""
    async with access.defining:
        planned = plan_delete_event_types(await access.registry(), names_or_ids)
        return shown_plan(await _carry_out(access, planned), done=True)


def shown_plan(planned: Plan, *, done: bool) -> dict[str, Any]:
    """A plan in JSON. The ids of new segments are told only once they are theirs."""
    groups: dict[str, Any] = {}
    for name in ("created", "changed", "deleted", "unchanged"):
        groups[name] = [_shown(one, with_id=done or name != "created") for one in getattr(planned, name)]
    return groups | {"warnings": list(planned.warnings)}


def _shown(one: Planned, *, with_id: bool) -> dict[str, Any]:
    fields = [change._asdict() for change in one.fields]
    return {"kind": one.kind, "name": one.name, "id": one.id if with_id else None, "fields": fields}


async def _change(
    access: Access,
    data: bytes,
    source: str,
    *,
    dry_run: bool = False,
    single: bool = False,
    create_only: bool = False,
    instead: Instead | None = None,
) -> Plan:
    async with access.defining:
        registry = await access.registry()
        definitions = read_definitions(
            data,
            source,
            min_exp_timeframe=access.settings.min_exp_timeframe,
            strict_catalog=access.settings.strict_catalog,
            event_types=registry.declared(),
            single=single,
        )
        if instead is not None:
            instead.check(registry, definitions)
        planned = plan(registry, definitions, now_ms=access.now_ms(), new_id=new_segment_id, create_only=create_only)
        if dry_run and not planned.problems:
            return planned
        return await _carry_out(access, planned)


async def _carry_out(access: Access, planned: Plan) -> Plan:
    if planned.problems:
        raise DefinitionError(list(planned.problems))
    await access.define(planned.records())
    return planned
