"""What Segment's and RudderStack's libraries send: POST /v1/batch, /v1/track, /v1/identify and their kin.

Answered once everything is on the log. A message that cannot be taken is told of and counted; its neighbours go on,
for a library that was refused a batch would send all of it again.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Body
from pydantic import BaseModel, Field

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import INGEST, Open
from octyseg.intake.analytics import records
from octyseg.intake.record import NewInput, Refused
from octyseg.service import ingest

router = APIRouter(prefix="/v1", tags=["analytics"], route_class=ExactRoute)
MAX_MESSAGES = 2_000


class Batch(BaseModel):
    """Messages, and when they were sent by the sender's clock."""

    batch: Annotated[list[Any], Field(max_length=MAX_MESSAGES)]
    sentAt: str | None = None  # noqa: N815 - the name on the wire


class NotTaken(BaseModel):
    """A message that was not taken: its place in the batch, and why."""

    index: int
    message: str


class Taken(BaseModel):
    """All that could be taken is on the log."""

    success: bool = True
    refused: list[NotTaken] = []


async def _take(access: Open, messages: list[Any], sent_at: str | None) -> Taken:
    now_ms = access.now_ms()
    made: list[NewInput | Refused] = []
    refused: list[NotTaken] = []
    for index, message in enumerate(messages):
        one: list[NewInput] | Refused = Refused("a message is an object: send one")
        if isinstance(message, dict):
            one = records(message, message.get("sentAt") or sent_at, now_ms, ingest.new_event_id())
        if isinstance(one, Refused):
            made.append(one)
            refused.append(NotTaken(index=index, message=one.text))
        else:
            made += one
    await ingest.append(access, made)
    return Taken(refused=refused)


@router.post("/batch", dependencies=[INGEST])
async def batch(access: Open, body: Batch) -> Taken:
    """Take a batch of messages of any type."""
    return await _take(access, body.batch, body.sentAt)


def _single(kind: str) -> Any:
    async def take(
        access: Open,
        body: Annotated[dict[str, Any], Body()],
    ) -> Taken:
        return await _take(access, [body | {"type": kind}], None)

    return take


for _kind in ("track", "identify", "page", "screen", "group", "alias"):
    router.post(
        f"/{_kind}", dependencies=[INGEST], name=_kind, summary=f"Take one {_kind} message", response_model=Taken
    )(_single(_kind))
