"""Segments as Octy has them."""

from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from octyseg.api.bodies import SEGMENT_BODY, ExactRoute
from octyseg.api.door import READ, WRITE, Open
from octyseg.api.octy_v1.shapes import Answer, Cursor, Ids, Meta, ids_of, page, time_of
from octyseg.errors import DefinitionError
from octyseg.model.definitions.shape import Amount, PropertyValue
from octyseg.model.definitions.stored import StoredSegment
from octyseg.service import definitions
from octyseg.service.access import Access

router = APIRouter(prefix="/v1/retention/segments", tags=["octy: segments"], route_class=ExactRoute)
MAX_DELETED = 100


class CreatedSegment(BaseModel):
    """What a new segment is known by."""

    segment_id: str
    segment_name: str
    segment_type: str
    segment_sub_type: int | None
    segment_status: str


class Created(Answer, CreatedSegment):
    """The segment was created."""


class Step(BaseModel):
    """One event of a sequence."""

    event_type: str
    exp_timeframe: Amount
    action_inaction: str
    event_properties: dict[str, PropertyValue]


class Segment(CreatedSegment):
    """A segment with its definition."""

    segment_timeframe: int
    event_sequence: list[Step]
    profile_property_name: str | None
    profile_property_value: PropertyValue
    profile_count: int
    created_at: str | None


class Segments(Answer):
    """A page of segments."""

    segments: list[Segment]


class ToDelete(BaseModel):
    """Ids of segments."""

    segments: Annotated[list[str], Field(min_length=1, max_length=MAX_DELETED)]


class DeletedSegment(BaseModel):
    """A segment that matches no more."""

    segment_id: str


class NotDeletedSegment(DeletedSegment):
    """A segment that stays, and why."""

    error_message: str


class Deleted(Answer):
    """What was deleted, and what was not."""

    deleted_segments: list[DeletedSegment]
    failed_to_delete: list[NotDeletedSegment]


@router.post("/create", status_code=201, openapi_extra=SEGMENT_BODY, dependencies=[WRITE])
async def create(access: Open, request: Request) -> Created:
    """Create one segment."""
    stored, warnings = await definitions.create(access, await request.body())
    return Created(request_meta=Meta(message="; ".join(warnings), count=1, total=1), **_known_by(access, stored))


@router.get("", dependencies=[READ])
async def read(
    access: Open,
    response: Response,
    ids: Ids = None,
    cursor: Cursor = "0",
) -> Segments:
    """List segments, or those of these ids."""
    wanted = ids_of(ids)
    registry = await access.registry()
    await access.ledger.catch_up()
    found = [one for one in registry.segments() if wanted is None or one.segment_id in wanted]
    part, meta = page(found, cursor, response)
    members = (await access.reader.counts()).members
    return Segments(request_meta=meta, segments=[_shown(access, one, members.get(one.segment_id, 0)) for one in part])


@router.post("/delete", dependencies=[WRITE])
async def delete(access: Open, body: ToDelete) -> Deleted:
    """Stop these segments; their tags are taken back."""
    deleted: list[DeletedSegment] = []
    failed: list[NotDeletedSegment] = []
    for segment_id in body.segments:
        try:
            await definitions.delete(access, [segment_id])
        except DefinitionError as error:
            failed.append(NotDeletedSegment(segment_id=segment_id, error_message=str(error)))
        else:
            deleted.append(DeletedSegment(segment_id=segment_id))
    meta = Meta(count=len(deleted), total=len(body.segments))
    return Deleted(request_meta=meta, deleted_segments=deleted, failed_to_delete=failed)


def _known_by(access: Access, stored: StoredSegment) -> dict[str, Any]:
    return {
        "segment_id": stored.segment_id,
        "segment_name": stored.name,
        "segment_type": stored.definition.segment_type,
        "segment_sub_type": stored.definition.segment_sub_type,
        "segment_status": definitions.status_of(stored, access.ledger.ledger),
    }


def _shown(access: Access, stored: StoredSegment, count: int) -> Segment:
    own = stored.definition
    return Segment(
        **_known_by(access, stored),
        segment_timeframe=own.segment_timeframe,
        event_sequence=[Step(**step.model_dump()) for step in own.event_sequence],
        profile_property_name=own.profile_property_name,
        profile_property_value=own.profile_property_value,
        profile_count=count,
        created_at=time_of(stored.created_at_ms),
    )
