"""Runs of the batch agent: those there were, and asking for one."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import READ, WRITE, Open
from octyseg.api.problems import Rejected
from octyseg.api.v2.segments import SegmentName
from octyseg.service import runs

router = APIRouter(prefix="/v2", tags=["runs"], route_class=ExactRoute)


class Wanted(BaseModel):
    """The instant a run is about; none: the one at which it begins."""

    as_of: AwareDatetime | None = None


@router.get("/runs", dependencies=[READ])
async def read_all(
    access: Open,
    segment: Annotated[str | None, Query(max_length=60)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> list[dict[str, Any]]:
    """List runs, the newest first."""
    return (await runs.listing(access, segment))[:limit]


@router.get("/runs/{run_id}", dependencies=[READ])
async def read(
    access: Open,
    run_id: Annotated[str, Path(max_length=64)],
) -> dict[str, Any]:
    """Give one run as it stands."""
    return await runs.run(access, run_id)


@router.post("/segments/{name}/runs", status_code=202, dependencies=[WRITE])
async def demand(
    access: Open,
    name: SegmentName,
    body: Wanted,
) -> dict[str, Any]:
    """Ask for a run of a past segment."""
    as_of_ms = None if body.as_of is None else round(body.as_of.timestamp() * 1000)
    if as_of_ms is not None and as_of_ms < 0:
        raise Rejected(422, ["as_of lies before 1970: name a later instant"])
    return await runs.demand(access, name, as_of_ms)
