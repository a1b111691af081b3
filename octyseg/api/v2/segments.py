"""Segments: create, replace, delete, validate, preview, explain. A definition has an ETag: its id and version."""

import re
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request, Response

from octyseg.api.bodies import SEGMENT_BODY, SEGMENTS_BODY
from octyseg.api.door import READ, WRITE, Open
from octyseg.api.ids import PROFILE_ID
from octyseg.api.problems import Rejected
from octyseg.errors import Conflict, DefinitionError, NotFound
from octyseg.model.change import rfc3339
from octyseg.model.definitions.stored import StoredSegment
from octyseg.service import definitions, previews, profiles
from octyseg.service.access import Access

router = APIRouter(prefix="/v2/segments", tags=["segments"])

SegmentName = Annotated[str, Path(max_length=60, description="id or name")]
IfMatch = Annotated[str | None, Header(description="the ETag that the change was made from")]
_TAG = re.compile(r'(?:W/)?"(segment_[0-9a-f]{8})-v(\d{1,9})"')


@router.get("", dependencies=[READ])
async def read_all(access: Open) -> list[dict[str, Any]]:
    """List all segments, and how many members each has."""
    found = await definitions.segments(access)
    counts = (await access.reader.counts()).members
    return [one | {"profile_count": counts.get(one["segment_id"], 0)} for one in found]


@router.post("", status_code=201, openapi_extra=SEGMENT_BODY, dependencies=[WRITE])
async def create(access: Open, request: Request, response: Response) -> dict[str, Any]:
    """Create one segment; its name must be free."""
    stored, warnings = await definitions.create(access, await request.body())
    response.headers["Location"] = f"/v2/segments/{stored.segment_id}"
    return await _answer(access, stored, response, warnings)


@router.post("/validate", openapi_extra=SEGMENTS_BODY, dependencies=[READ])
async def validate(access: Open, request: Request) -> dict[str, Any]:
    """Hold definitions against every rule, those among them too, and change nothing."""
    try:
        warnings = await definitions.validate(access, await request.body())
    except DefinitionError as error:
        return {"valid": False, "problems": error.problems, "warnings": []}
    return {"valid": True, "problems": [], "warnings": list(warnings)}


@router.post("/preview", openapi_extra=SEGMENTS_BODY, dependencies=[READ])
async def preview(
    access: Open,
    request: Request,
    days: Annotated[int, Query(ge=1, le=400)] = 7,
) -> list[dict[str, Any]]:
    """Say who would be in segments now, by what is archived, and how many webhooks a day they would send."""
    return await previews.preview(access, await request.body(), days)


@router.get("/{name}", dependencies=[READ])
async def read(access: Open, name: SegmentName, response: Response) -> dict[str, Any]:
    """Give one segment, also while it is being deleted."""
    return await _answer(access, await definitions.segment(access, name), response)


@router.put("/{name}", openapi_extra=SEGMENT_BODY, dependencies=[WRITE])
async def replace(
    access: Open,
    name: SegmentName,
    request: Request,
    response: Response,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Put another definition in the place of a segment's: a new version, by which its members are judged again."""
    stored = await definitions.active_segment(access, name)
    version = _version(stored, if_match)
    try:
        stored, warnings = await definitions.replace(access, stored.segment_id, await request.body(), version)
    except Conflict as error:
        raise Rejected(412 if version is not None else 409, [str(error)]) from None
    return await _answer(access, stored, response, warnings)


@router.delete("/{name}", status_code=202, dependencies=[WRITE])
async def delete(
    access: Open,
    name: SegmentName,
    response: Response,
    if_match: IfMatch = None,
) -> dict[str, Any]:
    """Stop matching at once; the workers take the tags back. Deleting twice is no error."""
    stored = await definitions.segment(access, name)
    _version(stored, if_match)
    await definitions.delete(access, [stored.segment_id])
    return await _answer(access, await definitions.segment(access, stored.segment_id), response)


@router.get("/{name}/deletion", dependencies=[READ])
async def deletion(access: Open, name: SegmentName) -> dict[str, Any]:
    """Say how far a deletion has come: in how many partitions no tag is left."""
    stored = (await access.registry()).segment(name)
    if stored is None or stored.deleted_at_ms is None:
        msg = f'no deletion of "{name}" is known: ask by its id'
        raise NotFound(msg)
    swept = access.partitions if stored.status == "deleted" else len(await access.reader.swept(stored.segment_id))
    return {
        "segment_id": stored.segment_id,
        "status": stored.status,
        "deleted_at": rfc3339(stored.deleted_at_ms),
        "partitions_swept": swept,
        "partitions": access.partitions,
    }


@router.get(f"/{{name}}/explain/{PROFILE_ID}", dependencies=[READ])
async def explain(
    access: Open,
    name: SegmentName,
    profile_id: Annotated[str, Path(max_length=256)],
) -> dict[str, Any]:
    """Say why a profile is in the segment or not: events, steps, conditions, and what would change it next."""
    return await profiles.explain(access, profile_id, name)


async def _answer(
    access: Access, stored: StoredSegment, response: Response, warnings: tuple[str, ...] = ()
) -> dict[str, Any]:
    await access.ledger.catch_up()
    response.headers["ETag"] = f'"{stored.segment_id}-v{stored.version}"'
    shown = definitions.shown_segment(stored, access.ledger.ledger)
    shown["profile_count"] = await access.reader.count(stored.segment_id)
    return shown | ({"warnings": list(warnings)} if warnings else {})


def _version(stored: StoredSegment, if_match: str | None) -> int | None:
    """The version a change was made from; None: whichever there is."""
    if if_match is None or if_match.strip() == "*":
        return None
    match = _TAG.fullmatch(if_match.strip())
    if match is None or match[1] != stored.segment_id or int(match[2]) != stored.version:
        text = f"the segment is at version {stored.version} by now: read it again, then change it"
        raise Rejected(412, [text], {"ETag": f'"{stored.segment_id}-v{stored.version}"'})
    return stored.version
