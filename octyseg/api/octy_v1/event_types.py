"""Types of events as Octy has them."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Body, Response
from pydantic import BaseModel, Field

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import READ, WRITE, Open
from octyseg.api.octy_v1.shapes import Answer, Cursor, Ids, Meta, ids_of, listed, page, time_of
from octyseg.errors import DefinitionError
from octyseg.model.ids import id_of_event_type
from octyseg.service import definitions

router = APIRouter(prefix="/v1/retention/events/types", tags=["octy: event types"], route_class=ExactRoute)
MAX_TYPES = 100


class NewEventType(BaseModel):
    """A type as it is known."""

    event_type_id: str
    event_type: str
    event_properties: list[str]


class EventType(NewEventType):
    """A type, and since when it is there."""

    created_at: str | None


class NotCreated(BaseModel):
    """A type that was not created, and why."""

    event_type: str
    error_message: str


class Created(Answer):
    """What was created, and what was not."""

    event_types: list[NewEventType]
    failed_to_create: list[NotCreated]


class EventTypes(Answer):
    """A page of types."""

    event_types: list[EventType]


class ToDelete(BaseModel):
    """Ids of types."""

    event_type_ids: Annotated[list[str], Field(min_length=1, max_length=MAX_TYPES)]


class DeletedType(BaseModel):
    """A type that is not declared any more."""

    event_type_id: str


class NotDeletedType(DeletedType):
    """A type that stays, and why."""

    error_message: str


class Deleted(Answer):
    """What was deleted, and what was not."""

    deleted_event_types: list[DeletedType]
    failed_to_delete: list[NotDeletedType]


@router.post("/create", status_code=201, dependencies=[WRITE])
async def create(
    access: Open,
    body: Annotated[dict[str, Any], Body()],
) -> Created:
    """Declare types; each is judged by itself."""
    made: list[NewEventType] = []
    failed: list[NotCreated] = []
    given = listed(body, "event_types", MAX_TYPES)
    for one in given:
        name = str(one.get("event_type", "")) if isinstance(one, dict) else ""
        try:
            await definitions.apply(
                access, msgspec.json.encode({"kind": "eventTypes", "eventTypeDefinitions": [one]}), "request"
            )
        except DefinitionError as error:
            failed.append(NotCreated(event_type=name, error_message="; ".join(error.problems)))
            continue
        stored = access.follower.registry.event_type(name)
        assert stored is not None, "it was applied"
        properties = list(stored.definition.event_properties)
        made.append(NewEventType(event_type_id=id_of_event_type(name), event_type=name, event_properties=properties))
    meta = Meta(count=len(made), total=len(given))
    return Created(request_meta=meta, event_types=made, failed_to_create=failed)


@router.get("", dependencies=[READ])
async def read(
    access: Open,
    response: Response,
    ids: Ids = None,
    cursor: Cursor = "0",
) -> EventTypes:
    """List the declared types, or those of these ids."""
    wanted = ids_of(ids)
    found = [
        EventType(
            event_type_id=id_of_event_type(one.definition.event_type),
            event_type=one.definition.event_type,
            event_properties=list(one.definition.event_properties),
            created_at=time_of(one.created_at_ms),
        )
        for one in (await access.registry()).event_types()
    ]
    part, meta = page([one for one in found if wanted is None or one.event_type_id in wanted], cursor, response)
    return EventTypes(request_meta=meta, event_types=part)


@router.post("/delete", dependencies=[WRITE])
async def delete(access: Open, body: ToDelete) -> Deleted:
    """Forget types that no segment asks for."""
    deleted: list[DeletedType] = []
    failed: list[NotDeletedType] = []
    for wanted in body.event_type_ids:
        try:
            await definitions.delete_event_types(access, [wanted])
        except DefinitionError as error:
            failed.append(NotDeletedType(event_type_id=wanted, error_message=str(error)))
        else:
            deleted.append(DeletedType(event_type_id=wanted))
    meta = Meta(count=len(deleted), total=len(body.event_type_ids))
    return Deleted(request_meta=meta, deleted_event_types=deleted, failed_to_delete=failed)
