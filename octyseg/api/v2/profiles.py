"""Profiles: search, attributes and tags, the changes of their tags, merging and forgetting them."""

from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import READ, WRITE, Open
from octyseg.api.ids import PROFILE_ID
from octyseg.api.v2.pages import After, Backwards, Before, Limit, Page, opened, page
from octyseg.service import erasing, profiles

router = APIRouter(prefix="/v2", tags=["profiles"], route_class=ExactRoute)
ProfileId = Annotated[str, Path(max_length=256)]


class Into(BaseModel):
    """The profile that another one becomes part of."""

    into: Annotated[str, Field(min_length=1, max_length=256)]


@router.get("/profiles", dependencies=[READ])
async def search(
    access: Open,
    q: Annotated[str, Query(max_length=256, description="beginning of a profile_id, or a customer_id")] = "",
    limit: Limit = 100,
    after: After = None,
) -> Page:
    """Find profiles; without `q` all of them, page by page."""
    found = await profiles.search(access, q, opened(after), limit)
    return page(found.found, found.after)


@router.get(f"/profiles/{PROFILE_ID}/changes", dependencies=[READ])
async def changes(
    access: Open,
    profile_id: ProfileId,
    limit: Limit = 50,
    before: Before = None,
) -> Backwards:
    """Tell what changed of a profile's tags, and why. A page may be short and still have a `before`."""
    found, earlier = await profiles.changes(access, profile_id, before, limit)
    return Backwards(items=msgspec.to_builtins(found), before=earlier)


@router.post(f"/profiles/{PROFILE_ID}/merge", status_code=202, dependencies=[WRITE])
async def merge(access: Open, profile_id: ProfileId, body: Into) -> dict[str, Any]:
    """Make a profile part of another one: its tags and open sequences go there, later records follow."""
    await profiles.merge(access, profile_id, body.into)
    return {"profile_id": profile_id, "into": body.into, "status": "accepted"}


@router.get(f"/profiles/{PROFILE_ID}", dependencies=[READ])
async def read(access: Open, profile_id: ProfileId) -> dict[str, Any]:
    """Give a profile by its profile_id or customer_id: attributes, tags and since when it has them."""
    return profiles.shown(await profiles.profile(access, profile_id))


@router.delete(f"/profiles/{PROFILE_ID}", status_code=202, dependencies=[WRITE])
async def erase(access: Open, profile_id: ProfileId) -> dict[str, Any]:
    """Forget everything about a profile: tags, attributes, state, history. Receivers are told of the tags."""
    return await erasing.erase(access, profile_id)


@router.get("/erasures/{erasure_id}", dependencies=[READ])
async def erasure(
    access: Open,
    erasure_id: Annotated[str, Path(max_length=60)],
) -> dict[str, Any]:
    """Say how far an erasure has come."""
    return await erasing.erasure(access, erasure_id)
