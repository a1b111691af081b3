"""How the stages keep up, and what they refused."""

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel

from octyseg.api.door import READ, Open
from octyseg.service import deadletters, lag

# A request that takes longer is cut off by what stands between.
_LONGEST_LOOK_S = 5.0
router = APIRouter(prefix="/v2", tags=["operations"])
_MAX_OFFSET = 1 << 53


class Letters(BaseModel):
    """Refused records, the newest first; `before` leads to older ones, none: there are no more."""

    items: list[dict[str, Any]]
    before: int | None


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
    limit: Annotated[int, Query(ge=1, le=1_000, description="how many at most")] = 100,
    before: Annotated[int | None, Query(ge=0, le=_MAX_OFFSET)] = None,
) -> Letters:
    """Give the records that were refused, why, and where they came from."""
    found, earlier = await deadletters.newest(access, before, limit)
    return Letters(items=found, before=earlier)
