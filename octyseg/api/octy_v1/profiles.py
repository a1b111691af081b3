"""Profiles as Octy has them: created and changed in lists, read by any id, by segment, or all of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query, Response
from pydantic import BaseModel

from octyseg.api.bodies import ExactRoute
from octyseg.api.door import INGEST, READ, Open
from octyseg.api.octy_v1.shapes import PAGE, Answer, Cursor, Ids, Meta, ids_of, listed, offset_of, paged, time_of
from octyseg.intake.record import Refused
from octyseg.model.ids import id_of_customer
from octyseg.projection.reader import Profile as Known
from octyseg.service import ingest
from octyseg.service import profiles as people
from octyseg.service.access import Access

router = APIRouter(prefix="/v1/retention/profiles", tags=["octy: profiles"], route_class=ExactRoute)
MAX_PROFILES = 1_000


class SentProfile(BaseModel):
    """A profile as it was sent, with its id."""

    profile_id: str
    customer_id: str | None = None
    profile_data: dict[str, Any] = {}
    platform_info: dict[str, Any] = {}
    has_charged: bool | None = None
    status: str | None = None


class CreatedProfile(SentProfile):
    """A profile that was created, or was there."""

    created_at: str | None


class UpdatedProfile(SentProfile):
    """A profile that was changed."""

    last_updated: str | None


class NotTaken(BaseModel):
    """A profile that was not taken, and why."""

    customer_id: Any = None
    profile_id: Any = None
    error_message: str


class Created(Answer):
    """What was created, and what was not."""

    profiles: list[CreatedProfile]
    failed_to_create: list[NotTaken]


class Updated(Answer):
    """What was changed, and what was not."""

    profiles: list[UpdatedProfile]
    failed_to_update: list[NotTaken]


class SegmentTag(BaseModel):
    """A tag, and since when."""

    segment_tag: str
    created_at: str | None


class Profile(SentProfile):
    """A profile with its tags."""

    segment_tags: list[SegmentTag]
    created_at: str | None
    updated_at: str | None


class Profiles(Answer):
    """A page of profiles."""

    profiles: list[Profile]


class Exists(BaseModel):
    """Whether there is a profile."""

    profile_exists: bool
    profile_id: str | None = None
    customer_id: str | None = None
    created_at: str | None = None
    updated_at: str | None = None


class Parent(BaseModel):
    """The profile that another one was merged into."""

    parent_profile_id: str
    parent_customer_id: str | None


class Merged(BaseModel):
    """Whether a profile was merged, and with whom."""

    was_merged: bool
    merged_at: str | None = None
    authenticated_id_key: str | None = None
    authenticated_id_value: Any = None
    parent_or_child: str | None = None
    parent_profile: Parent | None = None
    merged_child_profiles: list[str] = []


class Metadata(BaseModel):
    """What became of an id."""

    provided_identifier: str
    profile: Exists
    merged_info: Merged


class AllMetadata(Answer):
    """What became of ids."""

    profiles_meta: list[Metadata]


@router.post("/create", status_code=201, response_model=Created, dependencies=[INGEST])
async def create(
    access: Open,
    body: Annotated[dict[str, Any], Body()],
) -> Any:
    """Create profiles. One customer_id is one profile, however often it is created."""
    given = listed(body, "profiles", MAX_PROFILES)
    taken, failed = await _take(access, given)
    now = time_of(access.now_ms())
    found = [one | {"status": one["status"] or "active", "created_at": now} for one in taken]
    return {"request_meta": Meta(count=len(found), total=len(given)), "profiles": found, "failed_to_create": failed}


@router.post("/update", response_model=Updated, dependencies=[INGEST])
async def update(
    access: Open,
    body: Annotated[dict[str, Any], Body()],
) -> Any:
    """Change profiles, key by key; null takes a key away."""
    given = listed(body, "profiles", MAX_PROFILES)
    taken, failed = await _take(access, given)
    now = time_of(access.now_ms())
    found = [one | {"last_updated": now} for one in taken]
    return {"request_meta": Meta(count=len(found), total=len(given)), "profiles": found, "failed_to_update": failed}


@router.get("", dependencies=[READ])
async def read(
    access: Open,
    response: Response,
    *,
    id: Annotated[str | None, Query(max_length=256)] = None,  # noqa: A002 - the name on the wire
    ids: Ids = None,
    segment_tag: Annotated[str | None, Query(max_length=60)] = None,
    cursor: Cursor = "0",
) -> Profiles:
    """Read one profile by profile_id or customer_id, some by their ids, those with a tag, or all."""
    start = offset_of(cursor)
    wanted = [id] if id else ids_of(ids)
    if wanted is not None:
        found = [one for one in [await people.find(access, each) for each in wanted] if one is not None]
        return Profiles(request_meta=paged(len(found), len(found), response), profiles=list(map(_shown, found)))
    if segment_tag is not None:
        part, total = await _tagged(access, segment_tag, start)
    else:
        part, total = await access.directory.ids_from(start, PAGE), await access.directory.total()
    known = [one for one in await access.reader.profiles(part) if one is not None]
    return Profiles(request_meta=paged(len(part), total, response), profiles=list(map(_shown, known)))


@router.get("/metadata", dependencies=[READ])
async def metadata(access: Open, ids: Ids = None) -> AllMetadata:
    """Say which of these ids are profiles, and which were merged into others."""
    found = [await _metadata(access, one) for one in ids_of(ids) or []]
    return AllMetadata(request_meta=Meta(count=len(found), total=len(found)), profiles_meta=found)


async def _take(access: Access, given: list[Any]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Have profiles taken; those that were, as they were sent, and those that were not."""
    taken: list[dict[str, Any]] = []
    failed: list[dict[str, Any]] = []
    for one, became in zip(given, await ingest.profiles(access, given), strict=True):
        fields = one if isinstance(one, dict) else {}
        if isinstance(became, Refused):
            names = ("customer_id", "profile_id")
            failed.append({name: fields.get(name) for name in names} | {"error_message": became.text})
        else:
            sent = {name: fields.get(name) for name in ("customer_id", "has_charged", "status")}
            objects = {name: fields.get(name) or {} for name in ("profile_data", "platform_info")}
            taken.append({"profile_id": became.profile_id} | sent | objects)
    return taken, failed


async def _tagged(access: Access, segment_tag: str, start: int) -> tuple[list[str], int]:
    stored = (await access.registry()).segment(segment_tag)
    if stored is None:
        return [], 0
    members = await access.reader.members(stored.segment_id, start, PAGE)
    return [one.profile_id for one in members], await access.reader.count(stored.segment_id)


async def _metadata(access: Access, any_id: str) -> Metadata:
    account = access.follower.registry.account()
    key = None if account is None else account.authenticated_id_key
    found = await access.reader.profile(any_id) or await access.reader.profile(id_of_customer(any_id))
    if found is None:
        found = await people.find(access, any_id)
    if found is None:
        exists, merged = Exists(profile_exists=False), Merged(was_merged=False)
        return Metadata(provided_identifier=any_id, profile=exists, merged_info=merged)
    exists = Exists(
        profile_exists=True,
        profile_id=found.profile_id,
        customer_id=found.customer_id,
        created_at=time_of(found.created_at),
        updated_at=time_of(found.updated_at),
    )
    merged = Merged(was_merged=False, merged_child_profiles=list(found.merged_children))
    if found.merged_into is not None:
        parent = await people.where_it_went(access, found)
        merged = Merged(
            was_merged=True,
            merged_at=time_of(found.updated_at),
            authenticated_id_key=key,
            authenticated_id_value=parent.profile_data.get(key or ""),
            parent_or_child="child",
            parent_profile=Parent(parent_profile_id=parent.profile_id, parent_customer_id=parent.customer_id),
        )
    elif found.merged_children:
        merged = Merged(
            was_merged=True,
            merged_at=time_of(found.updated_at),
            authenticated_id_key=key,
            authenticated_id_value=found.profile_data.get(key or ""),
            parent_or_child="parent",
            merged_child_profiles=list(found.merged_children),
        )
    return Metadata(provided_identifier=any_id, profile=exists, merged_info=merged)


def _shown(one: Known) -> Profile:
    return Profile(
        profile_id=one.profile_id,
        customer_id=one.customer_id,
        profile_data=one.profile_data,
        platform_info=one.platform_info,
        has_charged=bool(one.has_charged),
        status=one.status or "active",
        segment_tags=[SegmentTag(segment_tag=tag.segment_tag, created_at=time_of(tag.created_at)) for tag in one.tags],
        created_at=time_of(one.created_at),
        updated_at=time_of(one.updated_at),
    )
