"""What Octy's answers have in common: the envelope, paging by offset, ids in the query, times."""

from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import Header, Query, Response
from pydantic import BaseModel

from octyseg.api.problems import Rejected

PAGE = 100
MAX_IDS = 100
_MOST = 1 << 53

T = TypeVar("T")


class Meta(BaseModel):
    """How it went, how many there are here, how many in all."""

    request_status: Literal["Success"] = "Success"
    message: str = ""
    count: int = 0
    total: int = 0


class Answer(BaseModel):
    """What every answer begins with."""

    request_meta: Meta = Meta()


Cursor = Annotated[str, Header(description="where to begin: 0, then the sum of the cursors answered so far")]
Ids = Annotated[str | None, Query(description=f"at most {MAX_IDS} ids, with commas between them")]


def offset_of(cursor: str) -> int:
    """The offset of a request's cursor header."""
    if not (cursor.isascii() and cursor.isdigit()) or int(cursor[:20]) > _MOST:
        raise Rejected(400, ["the cursor header is no offset: begin with 0, then add what each answer gives"])
    return int(cursor)


def ids_of(ids: str | None) -> list[str] | None:
    """The ids of a request; None when it names none."""
    found = [one for one in (ids or "").split(",") if one]
    if len(found) > MAX_IDS:
        raise Rejected(400, [f"{len(found)} ids are asked for: at most {MAX_IDS} a request"])
    return found or None


def page(found: Sequence[T], cursor: str, response: Response) -> tuple[list[T], Meta]:
    """The part of all that a cursor asks for."""
    start = offset_of(cursor)
    part = list(found[start : start + PAGE])
    return part, paged(len(part), len(found), response)


def paged(count: int, total: int, response: Response) -> Meta:
    """Say how far this answer goes."""
    response.headers["cursor"] = str(count)
    return Meta(count=count, total=total)


def time_of(at_ms: int | None) -> str | None:
    """An instant as Octy writes it: Tue, 18 May 2021 17:26:45 GMT."""
    return None if at_ms is None else format_datetime(datetime.fromtimestamp(at_ms // 1000, UTC), usegmt=True)


def listed(body: dict[str, Any], name: str, most: int) -> list[Any]:
    """The list under a name of a request."""
    found = body.get(name)
    if not isinstance(found, list) or not found:
        raise Rejected(400, [f"{name} is missing or empty: send a list"])
    if len(found) > most:
        raise Rejected(400, [f"{name} has {len(found)} entries: at most {most} a request"])
    return found
