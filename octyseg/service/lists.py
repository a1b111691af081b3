"""Static lists: who is on them is said here and by nobody else. Add, remove and replace are different things.

Every change is a command to the profile's owner. Whoever is not known is told of by row, never left out quietly.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import islice
from typing import Any, Literal

from msgspec import Struct

from octyseg.errors import UsageError
from octyseg.intake.table import Row
from octyseg.model.command import Membership, encode
from octyseg.model.definitions.stored import StoredSegment
from octyseg.model.ids import id_of_customer
from octyseg.projection.reader import Member
from octyseg.service import definitions
from octyseg.service.access import Access

Verb = Literal["add", "remove", "replace"]

_AT_ONCE = 1_000
# So many refused rows are told one by one.
MOST_TOLD = 100_000


class Problem(Struct, frozen=True):
    """A row that changed nothing: its line or place, what it named, and why."""

    line: int
    value: str | None
    reason: str


class Report(Struct):
    """What a change of a list came to."""

    rows: int = 0
    accepted: int = 0
    removed: int = 0
    refused: int = 0
    problems: list[Problem] = []

    def refuse(self, line: int, value: str | None, reason: str) -> None:
        """Tell of a row."""
        self.refused += 1
        if len(self.problems) < MOST_TOLD:
            self.problems.append(Problem(line, value, reason))


async def change(access: Access, segment: str, verb: Verb, rows: Iterator[Row], *, anchor: str) -> Report:
    """Add, remove or replace the members that rows name. `rows` may be read from a file as it comes."""
    stored = await definitions.active_segment(access, segment)
    if stored.definition.segment_type != "static":
        msg = f'"{stored.name}" is {stored.definition.segment_type}: only static lists are changed by hand'
        raise UsageError(msg)
    # Who was created a moment ago is known, and of a list the newest members.
    await access.settled()
    report, kept = Report(), set[str]()
    work = _List(access, stored, anchor)
    while some := await asyncio.to_thread(lambda: list(islice(rows, _AT_ONCE))):
        found = await _known(access, some, report)
        await work.say(found, member=verb != "remove")
        report.accepted += len(found)
        if verb == "replace":
            kept.update(found)
    if verb == "replace":
        async for gone in _others(access, stored.segment_id, kept):
            await work.say(gone, member=False)
            report.removed += len(gone)
    return report


def rows_of(profile_ids: Iterable[str]) -> Iterator[Row]:
    """Ids of a request as rows, counted from 1."""
    return (Row(number, {"profile_id": one}) for number, one in enumerate(profile_ids, 1))


class _List:
    """One change of one list."""

    def __init__(self, access: Access, stored: StoredSegment, anchor: str) -> None:
        self._access = access
        self._stored = stored
        self._anchor = anchor
        self._at_ms = access.now_ms()

    async def say(self, profile_ids: list[str], *, member: bool) -> None:
        commands = (
            Membership(
                profile_id,
                self._stored.segment_id,
                self._stored.version,
                member,
                "imported" if member else "removed_by_user",
                self._at_ms,
                self._anchor,
                webhook=self._stored.definition.webhook,
            )
            for profile_id in profile_ids
        )
        records = [(command.profile_id, encode(command)) for command in commands]
        if records:
            await self._access.append("commands", records)


async def _known(access: Access, some: list[Row], report: Report) -> list[str]:
    """The profiles that rows name; rows that name none are told of."""
    report.rows += len(some)
    named = [(row, *_named(row)) for row in some]
    ids = [profile_id or id_of_customer(customer_id or "") for _, profile_id, customer_id in named]
    known = await access.directory.known(ids)
    others = [customer_id for (_, _, customer_id), there in zip(named, known, strict=True) if customer_id and not there]
    customers = dict(zip(others, await access.directory.of_customers(others), strict=True))
    found: dict[str, None] = {}
    for (row, profile_id, customer_id), own, there in zip(named, ids, known, strict=True):
        if row.fields is None or not (profile_id or customer_id):
            report.refuse(row.line, None, row.problem or "the row names no profile_id and no customer_id")
        elif there:
            found[own] = None
        elif customer_id and customers[customer_id]:
            found.update(dict.fromkeys(customers[customer_id]))
        else:
            what = f"profile {profile_id}" if profile_id else f"customer {customer_id}"
            report.refuse(row.line, profile_id or customer_id, f"there is no {what}: create it first")
    return list(found)


def _named(row: Row) -> tuple[str | None, str | None]:
    fields = row.fields or {}
    profile_id = fields.get("profile_id")
    return profile_id, None if profile_id else fields.get("customer_id")


async def _others(access: Access, segment_id: str, kept: set[str]) -> AsyncIterator[list[str]]:
    """The members that are not among those kept, in pages."""
    last: Member | None = None
    while found := await access.reader.members_after(segment_id, last, _AT_ONCE):
        last = found[-1]
        yield [one.profile_id for one in found if one.profile_id not in kept]


def shown(report: Report) -> dict[str, Any]:
    """A report in JSON."""
    return {
        "rows": report.rows,
        "accepted": report.accepted,
        "removed": report.removed,
        "refused": report.refused,
        "problems": [{"line": one.line, "value": one.value, "reason": one.reason} for one in report.problems],
    }
