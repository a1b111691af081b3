"""Runs of the batch agent: what there was, and asking for one."""

import time
from typing import Any

from octyseg.errors import NotFound, OctysegError, UsageError
from octyseg.model.change import rfc3339
from octyseg.model.ledger import Run
from octyseg.model.run import Demand, run_id_of
from octyseg.service import definitions
from octyseg.service.access import Access
from octyseg.stages.scheduling import TYPES


async def listing(access: Access, segment: str | None = None) -> list[dict[str, Any]]:
    """Runs, the newest first."""
    registry = await access.registry()
    names = {stored.segment_id: stored.name for stored in registry.history()}
    await access.ledger.catch_up()
    wanted = None if segment is None else (await definitions.segment(access, segment)).segment_id
    return [
        shown(one, names.get(one.segment_id, one.segment_id))
        for one in access.ledger.ledger.runs()
        if wanted in (None, one.segment_id)
    ]


async def run(access: Access, run_id: str) -> dict[str, Any]:
    """One run as it stands."""
    await access.ledger.catch_up()
    found = access.ledger.ledger.run(run_id)
    if found is None:
        msg = f"there is no run {run_id}: `octyseg get runs` lists them"
        raise NotFound(msg)
    stored = (await access.registry()).segment(found.segment_id)
    return shown(found, found.segment_id if stored is None else stored.name)


async def demand(access: Access, segment: str, as_of_ms: int | None) -> dict[str, Any]:
    """Ask for a run of a past segment, as of an instant or of the moment it begins."""
    stored = await definitions.active_segment(access, segment)
    kind = stored.definition.segment_type
    if kind not in TYPES:
        msg = f'"{stored.name}" is {kind}: only past segments have runs, a live one is decided as events come'
        raise UsageError(msg)
    run_id = run_id_of(stored.segment_id, "demanded", time.time_ns())
    await access.ledger.write([Demand(run_id, stored.segment_id, stored.version, "demanded", as_of_ms)])
    await access.ledger.catch_up()
    found = access.ledger.ledger.run(run_id)
    if found is None:
        msg = f"run {run_id} is not on the log: ask again"
        raise OctysegError(msg)
    return shown(found, stored.name)


def shown(one: Run, segment: str) -> dict[str, Any]:
    """A run as people see it."""
    return {
        "run_id": one.run_id,
        "segment": segment,
        "trigger": one.trigger,
        "status": "waiting" if one.waits else one.status,
        "as_of": None if one.as_of_ms is None else rfc3339(one.as_of_ms),
        "slices": f"{one.slices_done}/{one.slices}",
        "slices_done": one.slices_done,
        "slices_in_all": one.slices,
        "members": one.members,
        "added": one.added,
        "removed": one.removed,
        "error": one.error,
        "demanded_at": rfc3339(one.demanded_ms),
        "ended_at": None if one.ended_ms is None else rfc3339(one.ended_ms),
    }
