"""Profiles and events in: each is judged by itself, the good ones are on the log when this returns.

Which profile is whom: a customer_id always leads to the same profile, and a profile that says the same under the
account's authenticated_id_key as another one is merged into that one, as Octy does it.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from octyseg import logs, metrics
from octyseg.errors import ProjectionUnavailable
from octyseg.intake import given, record
from octyseg.intake.record import NewInput, Refused
from octyseg.model.definitions.contents import known_event_types
from octyseg.projection.content import identity_of
from octyseg.service.access import Access

_logger = logs.get(__name__)


class Taken(NamedTuple):
    """One that is on the log."""

    profile_id: str
    event_id: str | None = None


def new_event_id() -> str:
    """An id for an event that came without one."""
    return f"event_{uuid.uuid4().hex}"


async def events(access: Access, sent: Sequence[object]) -> list[Taken | Refused]:
    """Append events; for each what became of it, in the order given."""
    now_ms = access.now_ms()
    known = None
    if access.settings.strict_catalog:
        known = known_event_types((await access.registry()).declared())
    found: list[tuple[NewInput | Refused, str]] = []
    for one in sent:
        event_id = str(one.get("event_id") or new_event_id()) if isinstance(one, Mapping) else ""
        found.append((_event(one, event_id, now_ms, known), event_id))
    await append(access, [made for made, _ in found])
    return [made if isinstance(made, Refused) else Taken(made.profile_id, event_id) for made, event_id in found]


async def profiles(access: Access, sent: Sequence[object]) -> list[Taken | Refused]:
    """Create or change profiles; for each what became of it, in the order given."""
    now_ms = access.now_ms()
    found = [given.profile(one, now_ms) for one in sent]
    await append(access, found)
    await _recognise(access, [(made, one) for made, one in zip(found, sent, strict=True)], now_ms)
    return [made if isinstance(made, Refused) else Taken(made.profile_id) for made in found]


async def append(access: Access, made: Sequence[NewInput | Refused]) -> None:
    """Put those on the log that may be there, and count all."""
    records = [one for one in made if isinstance(one, NewInput)]
    if records:
        await access.append("events", records)
    metrics.API_RECORDS.labels("accepted").inc(len(records))
    metrics.API_RECORDS.labels("refused").inc(len(made) - len(records))


def _event(one: object, event_id: str, now_ms: int, known: Mapping[str, frozenset[str]] | None) -> NewInput | Refused:
    if known is not None and isinstance(one, Mapping) and one.get("event_type") not in known:
        return Refused(f"event type {one.get('event_type')!r} is not declared: create it first")
    return given.event(one, event_id, now_ms)


async def _recognise(access: Access, sent: Sequence[tuple[NewInput | Refused, object]], now_ms: int) -> None:
    """Merge who is somebody else by the account's key: whoever had the value first stays."""
    account = access.follower.registry.account()
    key = None if account is None else account.authenticated_id_key
    if not key:
        return
    merges: list[NewInput | Refused] = []
    for made, one in sent:
        data = one.get("profile_data") if isinstance(one, Mapping) else None
        value = identity_of(data.get(key)) if isinstance(data, Mapping) else None
        if value is None or isinstance(made, Refused):
            continue
        try:
            first = await access.directory.claim(value, made.profile_id)
        except ProjectionUnavailable as error:
            # What was sent is on the log; that it is somebody else's is found when he is sent again.
            _logger.warning("a profile was not held against others", error=str(error))
            return
        if first != made.profile_id:
            merges.append(record.merge(made.profile_id, first, now_ms))
    await append(access, merges)
