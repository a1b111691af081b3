"""Pages of /v2: how many at once, and where the next one begins."""

import base64
import binascii
from typing import Annotated, Any

from fastapi import Query
from pydantic import BaseModel

from octyseg.api.problems import Rejected

MAX_LIMIT = 1_000
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many at most")]
After = Annotated[str | None, Query(max_length=600, description="`next` of the page before")]
Before = Annotated[int | None, Query(ge=0, le=1 << 53, description="`before` of the answer that led here")]


class Page(BaseModel):
    """A part of what there is; `next` begins the next one, none: this is the last."""

    items: list[dict[str, Any]]
    next: str | None = None


class Backwards(BaseModel):
    """The newest first; `before` leads to what is older, none: there is no more."""

    items: list[dict[str, Any]]
    before: int | None


def page(items: list[dict[str, Any]], after: str | None) -> Page:
    """An answer."""
    return Page(items=items, next=packed(after))


def packed(after: str | None) -> str | None:
    """Where the next page begins, as an address may hold it."""
    return None if after is None else base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def opened(after: str | None) -> str | None:
    """What an `after` of a request stands for."""
    if after is None:
        return None
    try:
        return base64.b64decode(after + "=" * (-len(after) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise Rejected(400, ["after is none that an answer gave: leave it out to begin"]) from None
