"""What Octy's client asks before every command, without credentials: versions, and how files look."""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel

router = APIRouter(prefix="/v1/admin/application", tags=["octy: application"])

# The newest version of Octy's client, so that it does not ask for an update.
_CLIENT_VERSION = "v2.0.1-beta"
_CLIENT_VERSION_INT = 201
_PUBLISHED = "Tue, 18 May 2021 17:26:45 GMT"

# Column and place, with an example whose JSON type is the column's.
_FORMATS: dict[str, dict[str, Any]] = {
    "profiles": {
        "customer_id**0": "customer_1",
        "has_charged**1": True,
        "profile_data>>likes**2": "nested",
        "platform_info>>os**3": "nested",
    },
    "events": {
        "event_type**0": "charged",
        "profile_id**1": "profile_1234",
        "created_at**2": "2021-05-18 17:26:45",
        "event_properties>>item_id**3": "nested",
    },
}


class Version(BaseModel):
    """A release of a client."""

    id: int = 1
    release_id: int = 1
    version_tag: str = _CLIENT_VERSION
    version_name: str = _CLIENT_VERSION
    version_int: int = _CLIENT_VERSION_INT
    change_log: str = ""
    assets: list[str] = []
    published_at: str = _PUBLISHED
    updated_at: str = _PUBLISHED


class Versioning(BaseModel):
    """The current release."""

    application_type: str
    current_version: Version = Version()


@router.get("/versioning")
async def versioning(app: Annotated[str, Query(max_length=60)] = "cli") -> Versioning:
    """Name the client's current version."""
    return Versioning(application_type=app)


@router.get("/resources/format")
async def resource_format(type: Literal["profiles", "events"]) -> dict[str, Any]:  # noqa: A002 - the name on the wire
    """Show the columns of a CSV file."""
    return _FORMATS[type]
