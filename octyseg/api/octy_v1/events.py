"""Events as Octy takes them: one, or many of which each is judged by itself."""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import INGEST, Open
from octyseg.api.octy_v1.shapes import Answer, Meta, listed, time_of
from octyseg.api.problems import Rejected
from octyseg.intake.record import Refused
from octyseg.service import ingest
from octyseg.service.ingest import Taken

router = APIRouter(prefix="/v1/retention/events", tags=["octy: events"], route_class=ExactRoute)
MAX_EVENTS = 2_000


class CreatedEvent(BaseModel):
    """An event that is on the log."""

    event_id: str
    event_type: str
    event_properties: dict[str, Any]
    profile_id: str
    created_at: str | None


class Created(Answer, CreatedEvent):
    """The event is on the log."""


class NotCreated(BaseModel):
    """An event that is not, and why."""

    event_type: Any = None
    event_properties: Any = None
    profile_id: Any = None
    error_message: str


class CreatedBatch(Answer):
    """What is on the log, and what is not."""

    created_events: list[CreatedEvent]
    failed_to_create: list[NotCreated]


@router.post("/create", status_code=201, dependencies=[INGEST])
async def create(
    access: Open,
    body: Annotated[dict[str, Any], Body()],
) -> Created:
    """Take one event; the log has acknowledged it when this is answered."""
    (found,) = await ingest.events(access, [body])
    if isinstance(found, Refused):
        raise Rejected(400, [found.text])
    return Created(request_meta=Meta(count=1, total=1), **_shown(body, found, access.now_ms()))


@router.post("/create/batch", status_code=201, response_model=CreatedBatch, dependencies=[INGEST])
async def create_batch(
    access: Open,
    body: Annotated[dict[str, Any], Body()],
) -> Any:
    """Take many events; the log has acknowledged those that are created."""
    given = listed(body, "events", MAX_EVENTS)
    found = await ingest.events(access, given)
    created, failed = [], []
    now_ms = access.now_ms()
    for one, became in zip(given, found, strict=True):
        if isinstance(became, Taken):
            created.append(_shown(one, became, now_ms))
        else:
            known = one if isinstance(one, dict) else {}
            names = ("event_type", "event_properties", "profile_id")
            failed.append({name: known.get(name) for name in names} | {"error_message": became.text})
    meta = Meta(count=len(created), total=len(given))
    return {"request_meta": meta, "created_events": created, "failed_to_create": failed}


def _shown(one: dict[str, Any], taken: Taken, now_ms: int) -> dict[str, Any]:
    created_at = one.get("created_at")
    return {
        "event_id": taken.event_id,
        "event_type": one["event_type"],
        "event_properties": one.get("event_properties") or {},
        "profile_id": taken.profile_id,
        "created_at": time_of(now_ms) if created_at is None else str(created_at),
    }
