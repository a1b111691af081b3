"""Profiles and events in: each is judged by itself, the good ones are on the log when this returns.

Which profile is whom: a customer_id always leads to the same profile, and a profile that says the same under the
account's authenticated_id_key as another one is merged into that one, as Octy does it.
"""

import uuid
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from octyseg import logs, metrics
from octyseg.errors import ProjectionUnavailable
from octyseg.intake import record
from octyseg.intake.record import NewInput, Refused
from octyseg.model.definitions import known_event_types
from octyseg.model.ids import id_of_customer
from octyseg.projection.content import identity_of
from octyseg.service.access import Access

_PROFILE_FIELDS = ("customer_id", "profile_data", "platform_info", "has_charged", "status", "created_at")
_DATES = ("created_at",)

_logger = logs.get(__name__)


class Taken(NamedTuple):
    """One that is on the log."""

    profile_id: str
    event_id: str | None = None


def new_event_id() -> str:
    """An id for an event that came without one."""
    return f"event_{uuid.uuid4().hex}"


async def events(access: Access, given: Sequence[object]) -> list[Taken | Refused]:
    """Append events; for each what became of it, in the order given."""
    now_ms = access.now_ms()
    known = None
    if access.settings.strict_catalog:
        known = known_event_types((await access.registry()).declared())
    found: list[tuple[NewInput | Refused, str]] = []
    for one in given:
        event_id = str(one.get("event_id") or new_event_id()) if isinstance(one, Mapping) else ""
        found.append((_event(one, event_id, now_ms, known), event_id))
    await append(access, [made for made, _ in found])
    return [made if isinstance(made, Refused) else Taken(made.profile_id, event_id) for made, event_id in found]


async def profiles(access: Access, given: Sequence[object]) -> list[Taken | Refused]:
    """Create or change profiles; for each what became of it, in the order given."""
    now_ms = access.now_ms()
    found = [_profile(one, now_ms) for one in given]
    await append(access, found)
    await _recognise(access, [(made, one) for made, one in zip(found, given, strict=True)], now_ms)
    return [made if isinstance(made, Refused) else Taken(made.profile_id) for made in found]


async def append(access: Access, made: Sequence[NewInput | Refused]) -> None:
    """Put those on the log that may be there, and count all."""
    records = [one for one in made if isinstance(one, NewInput)]
    if records:
        await access.append("events", records)
    metrics.API_RECORDS.labels("accepted").inc(len(records))
    metrics.API_RECORDS.labels("refused").inc(len(made) - len(records))


def _event(one: object, event_id: str, now_ms: int, known: Mapping[str, frozenset[str]] | None) -> NewInput | Refused:
    if not isinstance(one, Mapping):
        return Refused("an event is an object: send event_type, event_properties and profile_id")
    if known is not None and one.get("event_type") not in known:
        return Refused(f"event type {one.get('event_type')!r} is not declared: create it first")
    return record.event(one, event_id, now_ms)


def _profile(one: object, now_ms: int) -> NewInput | Refused:
    if not isinstance(one, Mapping):
        return Refused("a profile is an object: send customer_id and what is known of it")
    profile_id, customer_id = one.get("profile_id") or None, one.get("customer_id") or None
    if profile_id is None and customer_id is None:
        return Refused("customer_id and profile_id are missing: send one of them")
    if profile_id is None:
        if not isinstance(customer_id, str):
            return Refused("customer_id is no text: send one")
        profile_id = id_of_customer(customer_id)
    fields = {name: one[name] for name in _PROFILE_FIELDS if one.get(name) is not None}
    fields |= {name: record.instant(fields[name]) for name in _DATES if name in fields}
    return record.profile(profile_id, fields, now_ms)


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
