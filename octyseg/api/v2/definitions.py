"""Whole files of definitions, as `octyseg apply` and `diff` send them, and event types."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from octyseg.api.bodies import DEFINITIONS_BODY
from octyseg.api.door import READ, WRITE, Open
from octyseg.service import definitions

router = APIRouter(prefix="/v2", tags=["definitions"])


@router.post("/definitions", openapi_extra=DEFINITIONS_BODY, dependencies=[WRITE])
async def apply(
    access: Open,
    request: Request,
    *,
    dry_run: bool = False,
    source: Annotated[str, Query(max_length=200, description="what stands before each problem")] = "request",
) -> dict[str, Any]:
    """Make the definitions of a file the ones in force; all others stay. `dry_run` only says what would be done."""
    return await definitions.apply(access, await request.body(), source, dry_run=dry_run)


@router.get("/event-types", dependencies=[READ])
async def event_types(access: Open) -> list[dict[str, Any]]:
    """List the declared event types; the system's are known without being declared."""
    return await definitions.event_types(access)


@router.delete("/event-types/{name}", dependencies=[WRITE])
async def delete_event_type(
    access: Open,
    name: Annotated[str, Path(max_length=60)],
) -> dict[str, Any]:
    """Forget an event type that no segment asks for."""
    return await definitions.delete_event_types(access, [name])
