"""The pages of the console, each a question to the service. Names and ids come in the query: they may hold a slash."""

from typing import Annotated, Literal

import msgspec
from fastapi import APIRouter, Form, Header, Query
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import AwareDatetime

from octyseg.api.console.rendering import as_json, page
from octyseg.api.door import READ, Open
from octyseg.api.problems import CONSOLE, Rejected
from octyseg.api.v2.pages import After, Before, opened, packed
from octyseg.errors import DefinitionError
from octyseg.service import deadletters, definitions, lag, members, previews, profiles, runs, webhooks

router = APIRouter(prefix=CONSOLE, include_in_schema=False, dependencies=[READ], default_response_class=HTMLResponse)

_ROWS = 50
_CHANGES = 20
# What moves is looked at for so long, while the browser waits.
_LOOK_S = 1.0
_NO_ATTRIBUTES = {"profile_id", "sequence", "tags"}
_ID = Query(max_length=256)
SegmentName = Annotated[str, Query(max_length=60)]
ProfileId = Annotated[str, _ID]


@router.get("")
async def to_the_pages() -> RedirectResponse:
    """To where the links of pages hold."""
    return RedirectResponse("console/")


@router.get("/")
async def show_segments(access: Open) -> HTMLResponse:
    """All segments, and how many members each has."""
    found = await definitions.segments(access)
    counts = await access.reader.counts()
    return page("segments", segments=found, members=counts.members, profiles=counts.profiles)


@router.get("/segment")
async def show_segment(
    access: Open, name: SegmentName, q: Annotated[str, _ID] = "", after: After = None
) -> HTMLResponse:
    """One segment: its definition, its members, its runs."""
    stored = await definitions.segment(access, name)
    await access.ledger.catch_up()
    if q:
        found = await members.search(access, stored.segment_id, q, opened(after), _ROWS)
    else:
        found = await members.page(access, stored.segment_id, opened(after), _ROWS)
    return page(
        "segment",
        segment=definitions.shown_segment(stored, access.ledger.ledger),
        definition=stored.definition.model_dump(mode="json", exclude_defaults=True),
        count=await access.reader.count(stored.segment_id),
        members=found.found,
        following=packed(found.after),
        q=q,
        runs=(await runs.listing(access, stored.segment_id))[:_ROWS],
    )


@router.get("/try")
async def show_form(access: Open, name: SegmentName = "") -> HTMLResponse:
    """Where to write a definition, or change one that is there, and see what it would do."""
    text = ""
    if name:
        stored = await definitions.segment(access, name)
        text = as_json(stored.definition.model_dump(mode="json", exclude_defaults=True))
    return page("try", text=text)


@router.post("/try")
async def show_what_it_would_do(
    access: Open,
    text: Annotated[str, Form(alias="definitions")] = "",
    days: Annotated[int, Form(ge=1, le=400)] = 7,
    what: Annotated[Literal["check", "preview"], Form()] = "check",
    hx_request: Annotated[str | None, Header()] = None,
) -> HTMLResponse:
    """Whether definitions break a rule, and who would be in. No other site can have a browser send the header."""
    if hx_request is None:
        raise Rejected(403, ["only the page of the console sends this: open /console/try"])
    data = text.encode()
    try:
        warnings = await definitions.validate(access, data)
    except DefinitionError as error:
        return page("tried", problems=error.problems, warnings=(), found=None, days=days)
    found = await previews.preview(access, data, days) if what == "preview" else None
    return page("tried", problems=(), warnings=warnings, found=found, days=days)


@router.get("/profiles")
async def show_profiles(access: Open, q: Annotated[str, _ID] = "", after: After = None) -> HTMLResponse:
    """Profiles whose id begins so, or that have this customer_id."""
    found = await profiles.search(access, q.strip(), opened(after), _ROWS)
    return page("profiles", q=q.strip(), profiles=found.found, following=packed(found.after))


@router.get("/profile")
async def show_profile(access: Open, id: ProfileId, before: Before = None) -> HTMLResponse:  # noqa: A002 - the query's
    """One profile: attributes, tags, what changed of them."""
    found = await profiles.profile(access, id)
    shown = profiles.shown(found)
    changes, earlier = await profiles.changes(access, found.profile_id, before, _CHANGES)
    return page(
        "profile",
        asked=id,
        profile=shown,
        attributes={name: value for name, value in shown.items() if name not in _NO_ATTRIBUTES},
        changes=msgspec.to_builtins(changes),
        earlier=earlier,
        segments=await definitions.segments(access),
    )


@router.get("/explain")
async def show_explanation(access: Open, profile: ProfileId, segment: SegmentName) -> HTMLResponse:
    """Why a profile is in a segment or not, and what would change that."""
    return page("explanation", found=await profiles.explain(access, profile, segment))


@router.get("/webhooks")
async def show_webhooks(
    access: Open,
    change: Annotated[str, Query(max_length=100)] = "",
    endpoint: Annotated[str, Query(max_length=60)] = "",
    profile: Annotated[str, _ID] = "",
    since: AwareDatetime | None = None,
) -> HTMLResponse:
    """Endpoints, and what became of the deliveries of one change or to one endpoint."""
    attempts = None
    if change or endpoint:
        attempts = await webhooks.attempts(
            access,
            change_id=change or None,
            endpoint=endpoint or None,
            profile_id=profile or None,
            since=since,
            limit=_ROWS,
        )
        attempts.reverse()
    return page(
        "webhooks", endpoints=await webhooks.listing(access), attempts=attempts, change=change, endpoint=endpoint
    )


@router.get("/dead-letters")
async def show_letters(access: Open, before: Before = None) -> HTMLResponse:
    """Records that were refused, the newest first."""
    found, earlier = await deadletters.newest(access, before, _ROWS)
    return page("deadletters", letters=found, earlier=earlier)


@router.get("/lag")
async def show_lag(access: Open) -> HTMLResponse:
    """How far each stage is behind, by looks at it for a moment."""
    found = await lag.standings(access.log, access.settings, lag.STAGES, _LOOK_S)
    return page("lag", totals=list(lag.totals(found)))
