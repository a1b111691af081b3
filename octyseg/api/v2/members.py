"""Members of segments: pages, search, one, export; and changing static lists, by ids or as CSV."""

import secrets
import tempfile
from typing import IO, Annotated, Any, Literal

import msgspec
from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import StreamingResponse

from octyseg.api.door import READ, Open, Writing
from octyseg.api.ids import PROFILE_ID
from octyseg.api.problems import Rejected
from octyseg.api.v2.pages import After, Limit, Page, opened, page
from octyseg.api.v2.segments import SegmentName
from octyseg.intake.table import rows
from octyseg.service import definitions, lists, members
from octyseg.service.access import Access

router = APIRouter(prefix="/v2/segments/{name}", tags=["members"])
# An upload up to this size stays in memory.
SPOOLED_BYTES = 4 * 1024 * 1024
_MEDIA = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson"}
_CHANGE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["profile_ids"],
                    "properties": {"profile_ids": {"type": "array", "items": {"type": "string"}}},
                }
            },
            "text/csv": {"schema": {"type": "string", "description": "a column profile_id or customer_id"}},
        },
    }
}


class _Ids(msgspec.Struct, forbid_unknown_fields=True):
    """Profiles by their ids."""

    profile_ids: list[str]


@router.get("/members", dependencies=[READ])
async def read(
    access: Open,
    name: SegmentName,
    q: Annotated[str | None, Query(max_length=256, description="beginning of a profile_id, or a customer_id")] = None,
    limit: Limit = 100,
    after: After = None,
) -> Page:
    """Members in the order of their entry; with `q` those that it finds, in the order of their ids."""
    if q:
        found = await members.search(access, name, q, opened(after), limit)
    else:
        found = await members.page(access, name, opened(after), limit)
    return page(found.found, found.after)


@router.get("/count", dependencies=[READ])
async def count(access: Open, name: SegmentName) -> dict[str, Any]:
    """Say how many members there are."""
    stored = await definitions.segment(access, name)
    return {"segment_id": stored.segment_id, "count": await access.reader.count(stored.segment_id)}


@router.get("/export", response_class=StreamingResponse, dependencies=[READ])
async def export(
    access: Open,
    name: SegmentName,
    format: Literal["csv", "jsonl"] = "csv",  # noqa: A002 - the name on the wire
) -> StreamingResponse:
    """Stream all members with their attributes."""
    stored = await definitions.segment(access, name)
    headers = {"Content-Disposition": f'attachment; filename="{stored.segment_id}.{format}"'}
    return StreamingResponse(members.export(access, stored.segment_id, format), 200, headers, _MEDIA[format])


@router.post("/members/{verb}", openapi_extra=_CHANGE_BODY)
async def change(
    access: Open,
    caller: Writing,
    name: SegmentName,
    verb: Literal["add", "remove", "replace"],
    request: Request,
) -> dict[str, Any]:
    """Change a static list: add, remove, or replace all of it. The answer tells of every row that changed nothing."""
    anchor = f"api-{caller.name}-{secrets.token_hex(8)}"
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "text/csv":
        return await _upload(access, name, verb, request, anchor)
    try:
        given = msgspec.json.decode(await request.body(), type=_Ids)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        text = f'{error}: send {{"profile_ids": [...]}}, or text/csv with a column profile_id or customer_id'
        raise Rejected(422, [text]) from None
    return lists.shown(await lists.change(access, name, verb, lists.rows_of(given.profile_ids), anchor=anchor))


@router.get(f"/members/{PROFILE_ID}", dependencies=[READ])
async def is_member(
    access: Open,
    name: SegmentName,
    profile_id: Annotated[str, Path(max_length=256)],
) -> dict[str, Any]:
    """Say whether a profile is in the segment, and since when."""
    return await members.member(access, name, profile_id)


async def _upload(
    access: Access, name: str, verb: Literal["add", "remove", "replace"], request: Request, anchor: str
) -> dict[str, Any]:
    """A file as it comes: to the disk first, so that a list is not changed by half a file."""
    with tempfile.SpooledTemporaryFile(SPOOLED_BYTES) as file:
        async for piece in request.stream():
            file.write(piece)
        file.seek(0)
        lines = _text(file)
        return lists.shown(await lists.change(access, name, verb, rows("members", lines), anchor=anchor))


def _text(file: IO[bytes]) -> Any:
    """The lines of a file; what is no UTF-8 is told of with its row."""
    return (line.decode(errors="replace") for line in file)
