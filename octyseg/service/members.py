"""Members of segments: a page of them, one of them, all of them as a stream."""

import csv
import io
from collections.abc import AsyncIterator
from typing import Any, Literal

import msgspec

from octyseg.errors import UsageError
from octyseg.intake.table import escaped
from octyseg.model.change import rfc3339
from octyseg.projection.reader import Member
from octyseg.service import definitions
from octyseg.service.access import Access
from octyseg.service.profiles import Page

# Members of one page of an export, and ids that a search looks at for one page at most.
EXPORT_PAGE = 1_000
_CANDIDATES = 2_000
_LOOKED_AT_MOST = 20_000
COLUMNS = ("profile_id", "customer_id", "since", "status", "has_charged", "profile_data", "platform_info")


async def page(access: Access, segment: str, after: str | None, count: int) -> Page:
    """Members in the order of their entry, those after the last of another page."""
    stored = await definitions.segment(access, segment)
    found = await access.reader.members_after(stored.segment_id, _member(after), count)
    following = _cursor(found[-1]) if len(found) == count else None
    return Page([_shown(one) for one in found], following)


async def search(access: Access, segment: str, prefix: str, after: str | None, count: int) -> Page:
    """Members whose profile_id begins so, or that have this customer_id.

    So many candidates are looked at for one page; one that is short, or empty, may still say where to go on.
    """
    stored = await definitions.segment(access, segment)
    ids = [] if after else (await access.directory.of_customers([prefix]))[0]
    found = await _among(access, stored.segment_id, ids)
    partition, last = _place(after, access.partitions)
    looked_at = 0
    while partition < access.partitions and len(found) < count and looked_at < _LOOKED_AT_MOST:
        candidates = await access.directory.ids(partition, last, _CANDIDATES, prefix)
        looked_at += len(candidates) or 1
        fresh = await _among(access, stored.segment_id, [one for one in candidates if one not in ids])
        room = count - len(found)
        found += fresh[:room]
        if len(fresh) > room:
            last = fresh[room - 1].profile_id
        elif len(candidates) < _CANDIDATES:
            partition, last = partition + 1, ""
        else:
            last = candidates[-1]
    following = f"{partition}:{last}" if partition < access.partitions else None
    return Page([_shown(one) for one in found], following)


async def member(access: Access, segment: str, profile_id: str) -> dict[str, Any]:
    """Whether a profile is a member, and since when."""
    stored = await definitions.segment(access, segment)
    (since_ms,) = await access.reader.since(stored.segment_id, [profile_id])
    return {
        "segment_id": stored.segment_id,
        "profile_id": profile_id,
        "is_member": since_ms is not None,
        "since": None if since_ms is None else rfc3339(since_ms),
    }


async def export(access: Access, segment: str, form: Literal["csv", "jsonl"]) -> AsyncIterator[bytes]:
    """All members with their attributes, page by page; who enters meanwhile comes at the end."""
    stored = await definitions.segment(access, segment)
    if form == "csv":
        yield _csv([COLUMNS])
    last: Member | None = None
    while found := await access.reader.members_after(stored.segment_id, last, EXPORT_PAGE):
        profiles = await access.reader.profiles([one.profile_id for one in found])
        rows = []
        for one, known in zip(found, profiles, strict=True):
            plain = {} if known is None else msgspec.to_builtins(known)
            rows.append({name: plain.get(name) for name in COLUMNS} | _shown(one))
        if form == "csv":
            yield _csv([[_cell(row[name]) for name in COLUMNS] for row in rows])
        else:
            yield b"".join(msgspec.json.encode(row) + b"\n" for row in rows)
        last = found[-1]


def _cell(value: object) -> object:
    """A value as a cell: no formula, objects as JSON."""
    if isinstance(value, dict):
        return escaped(msgspec.json.encode(value).decode()) if value else ""
    if isinstance(value, bool):
        return str(value).lower()
    return escaped(value)


def _csv(rows: Any) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


async def _among(access: Access, segment_id: str, ids: list[str]) -> list[Member]:
    """Which of these are members."""
    since = await access.reader.since(segment_id, ids)
    return [Member(one, at_ms) for one, at_ms in zip(ids, since, strict=True) if at_ms is not None]


def _shown(one: Member) -> dict[str, Any]:
    return {"profile_id": one.profile_id, "since": rfc3339(one.since_ms)}


def _cursor(one: Member) -> str:
    return f"{one.since_ms}:{one.profile_id}"


def _member(after: str | None) -> Member | None:
    if after is None:
        return None
    since, colon, profile_id = after.partition(":")
    if not colon or not since.isascii() or not since.isdigit() or len(since) > _INSTANT_DIGITS:
        raise UsageError(_FORGED)
    return Member(profile_id, int(since))


_INSTANT_DIGITS = 15
_FORGED = "after is none that an answer gave: leave it out to begin"


def _place(after: str | None, partitions: int) -> tuple[int, str]:
    if after is None:
        return 0, ""
    number, colon, last = after.partition(":")
    if not colon or not number.isascii() or not number.isdigit() or int(number[:6]) >= partitions:
        raise UsageError(_FORGED)
    return int(number), last
