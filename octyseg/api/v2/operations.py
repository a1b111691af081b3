"""How the stages keep up, and what they refused."""

from typing import Annotated, Any

from fastapi import APIRouter, Query

from octyseg.api.door import READ, Open
from octyseg.api.v2.pages import Backwards, Before, Limit
from octyseg.service import deadletters, lag

# A request that takes longer is cut off by what stands between.
_LONGEST_LOOK_S = 5.0
router = APIRouter(prefix="/v2", tags=["operations"])


@router.get("/lag", dependencies=[READ])
async def read_lag(
    access: Open,
    for_s: Annotated[float, Query(ge=0.5, le=_LONGEST_LOOK_S, description="seconds to look at them")] = 2.0,
) -> list[dict[str, Any]]:
    """Tell how far each stage is behind the log and whether it moves; the answer takes `for_s` seconds."""
    return [one._asdict() for one in await lag.standings(access.log, access.settings, lag.STAGES, for_s)]


@router.get("/dead-letters", dependencies=[READ])
async def read_letters(
    access: Open,
    limit: Limit = 100,
    before: Before = None,
) -> Backwards:
    """Give the records that were refused, why, and where they came from."""
    found, earlier = await deadletters.newest(access, before, limit)
    return Backwards(items=found, before=earlier)
