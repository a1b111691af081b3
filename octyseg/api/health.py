"""Whether the server lives, and whether it can work: for supervisors and load balancers, without credentials."""

from fastapi import APIRouter, Response
from pydantic import BaseModel

from octyseg.api.door import Open
from octyseg.errors import Unavailable

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """How it is; `problem` says what is away."""

    status: str
    problem: str | None = None


@router.get("/healthz")
async def live() -> Health:
    """Say that the process answers."""
    return Health(status="ok")


@router.get("/readyz", responses={503: {"model": Health}})
async def ready(access: Open, response: Response) -> Health:
    """Say whether the log and Redis answer."""
    try:
        await access.log.ends(access.settings.topic("events"), range(access.partitions))
        await access.reader.reached([0])
    except Unavailable as error:
        response.status_code = 503
        return Health(status="unavailable", problem=str(error))
    return Health(status="ok")
