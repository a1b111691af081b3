"""Keys of this API. Secrets are in the answer that makes them, and nowhere else."""

from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import ADMIN, Open
from octyseg.service import keys

router = APIRouter(prefix="/v2/keys", tags=["keys"], route_class=ExactRoute)
PublicKey = Annotated[str, Path(max_length=60)]


class Wanted(BaseModel):
    """What a key may do, and a word on whose it is."""

    scopes: Annotated[list[str], Field(min_length=1, max_length=4)]
    note: Annotated[str, Field(max_length=200)] = ""


@router.get("", dependencies=[ADMIN])
async def read_all(access: Open) -> list[dict[str, Any]]:
    """List all keys, without their secrets."""
    return await keys.listing(access)


@router.post("", status_code=201, dependencies=[ADMIN])
async def create(access: Open, body: Wanted) -> dict[str, Any]:
    """Make a key."""
    return await keys.create(access, body.scopes, body.note)


@router.delete("/{public_key}", dependencies=[ADMIN])
async def revoke(access: Open, public_key: PublicKey) -> dict[str, Any]:
    """Turn a key off, for good."""
    return await keys.revoke(access, public_key)


@router.post("/{public_key}/rotate", dependencies=[ADMIN])
async def rotate(access: Open, public_key: PublicKey) -> dict[str, Any]:
    """Make a new secret for a key; the one before it is good for 24 hours."""
    return await keys.rotate(access, public_key)
