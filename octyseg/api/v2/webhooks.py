"""Endpoints of webhooks and what became of deliveries. Endpoints are defined at /v2/definitions."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime, BaseModel

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import ADMIN, READ, WRITE, Open
from octyseg.service import webhooks

router = APIRouter(prefix="/v2/webhooks", tags=["webhooks"], route_class=ExactRoute)
EndpointName = Annotated[str, Path(max_length=60)]
ChangeId = Annotated[str | None, Query(max_length=100)]


class Wanted(BaseModel):
    """Which deliveries to send again: of one change whatever became of it, else those that were given up."""

    change_id: str | None = None
    since: AwareDatetime | None = None
    endpoint: str | None = None


@router.get("/endpoints", dependencies=[READ])
async def read_all(access: Open) -> list[dict[str, Any]]:
    """List all endpoints with where they go and whether they are in use."""
    return await webhooks.listing(access)


@router.get("/endpoints/{name}", dependencies=[READ])
async def read(access: Open, name: EndpointName) -> dict[str, Any]:
    """Give one endpoint."""
    return await webhooks.endpoint(access, name)


@router.post("/endpoints/{name}/secret", dependencies=[ADMIN])
async def secret(access: Open, name: EndpointName) -> dict[str, Any]:
    """Make an endpoint's secret, or a new one, shown once; the one before it still signs for 24 hours."""
    return {"endpoint": name, "secret": await webhooks.new_secret(access, name)}


@router.post("/endpoints/{name}/enable", dependencies=[WRITE])
async def enable(access: Open, name: EndpointName) -> dict[str, Any]:
    """Send to an endpoint again."""
    return await webhooks.switch(access, name, enabled=True)


@router.post("/endpoints/{name}/disable", dependencies=[WRITE])
async def disable(access: Open, name: EndpointName) -> dict[str, Any]:
    """Send nothing to an endpoint until it is enabled."""
    return await webhooks.switch(access, name, enabled=False)


@router.post("/endpoints/{name}/test", dependencies=[WRITE])
async def test(access: Open, name: EndpointName) -> dict[str, Any]:
    """Post one signed test message, and say what came back."""
    return await webhooks.test(access, name)


@router.get("/attempts", dependencies=[READ])
async def attempts(
    access: Open,
    *,
    change_id: ChangeId = None,
    endpoint: Annotated[str | None, Query(max_length=60)] = None,
    status: Annotated[str | None, Query(max_length=30)] = None,
    profile_id: Annotated[str | None, Query(max_length=256)] = None,
    since: Annotated[AwareDatetime | None, Query(description="give or take an hour")] = None,
    limit: Annotated[int, Query(ge=1, le=webhooks.MOST_ATTEMPTS)] = 100,
) -> list[dict[str, Any]]:
    """Tell what happened to deliveries, the newest last."""
    return await webhooks.attempts(
        access,
        change_id=change_id,
        endpoint=endpoint,
        status=status,
        profile_id=profile_id,
        since=since,
        limit=limit,
    )


@router.post("/replay", status_code=202, dependencies=[WRITE])
async def replay(access: Open, body: Wanted) -> list[dict[str, Any]]:
    """Send deliveries again, under their old webhook-id, with ten attempts before them."""
    return await webhooks.replay(access, body.change_id, body.since, body.endpoint)
