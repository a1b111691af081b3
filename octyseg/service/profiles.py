"""Profiles: one by any of its ids, many in order, what changed of one, and making two one."""

from typing import Any, NamedTuple

import msgspec

from octyseg.engine.explain import Explanation
from octyseg.errors import NotFound, UsageError
from octyseg.hosting.rules import rules_of
from octyseg.intake import record
from octyseg.intake.record import Refused
from octyseg.log.port import read_through
from octyseg.model.change import PublicChange, from_json, rfc3339
from octyseg.model.ids import id_of_customer
from octyseg.projection.reader import Profile
from octyseg.service.access import Access
from octyseg.stages.explaining import explain_membership

# How many records of a partition's tags are read at once to find a profile's changes, and at most for one answer.
_WINDOW = 20_000
_MOST = 400_000
# Merged profiles lead to where they went; who merged in a circle ends here.
_LONGEST_WAY = 32


class Page(NamedTuple):
    """A part of what there is, and where the next part begins; None: this is the last."""

    found: list[dict[str, Any]]
    after: str | None


async def profile(access: Access, any_id: str) -> Profile:
    """The profile of a profile_id or customer_id, or the one it was merged into; NotFound when there is none."""
    found = await find(access, any_id)
    if found is None:
        msg = f"there is no profile {any_id}: nothing was said of it that any segment could be about"
        raise NotFound(msg)
    return found


async def find(access: Access, any_id: str) -> Profile | None:
    """The same; None when there is none."""
    for profile_id in dict.fromkeys((any_id, id_of_customer(any_id))):
        found = await access.reader.profile(profile_id)
        if found is not None:
            return await where_it_went(access, found)
    for profile_id in (await access.directory.of_customers([any_id]))[0]:
        found = await access.reader.profile(profile_id)
        if found is not None:
            return await where_it_went(access, found)
    return None


async def where_it_went(access: Access, found: Profile) -> Profile:
    """The profile, or the one it was merged into."""
    for _ in range(_LONGEST_WAY):
        if found.merged_into is None:
            break
        parent = await access.reader.profile(found.merged_into)
        if parent is None:
            break
        found = parent
    return found


def shown(one: Profile) -> dict[str, Any]:
    """A profile with readable times."""
    plain: dict[str, Any] = msgspec.to_builtins(one)
    for name in ("created_at", "updated_at"):
        if name in plain:
            plain[name] = rfc3339(plain[name])
    plain["tags"] = [tag | {"created_at": rfc3339(tag["created_at"])} for tag in plain["tags"]]
    return plain


async def search(access: Access, prefix: str, after: str | None, count: int) -> Page:
    """Profiles whose id begins so, or that have this customer_id, in the order in which they are kept."""
    ids = [] if after or not prefix else (await access.directory.of_customers([prefix]))[0]
    partition, last = _position(after, access.partitions)
    while partition < access.partitions and len(ids) < count:
        some = await access.directory.ids(partition, last, count - len(ids), prefix)
        ids += [one for one in some if one not in ids[:1]]
        if some:
            last = some[-1]
        if len(ids) < count:
            partition, last = partition + 1, ""
    found = await access.reader.profiles(ids)
    following = f"{partition}:{last}" if partition < access.partitions else None
    return Page([shown(one) for one in found if one is not None], following)


def _position(after: str | None, partitions: int) -> tuple[int, str]:
    if after is None:
        return 0, ""
    number, colon, last = after.partition(":")
    if not colon or not number.isascii() or not number.isdigit() or int(number) >= partitions:
        raise UsageError("after is none that an answer gave: leave it out to begin")
    return int(number), last


async def changes(
    access: Access, profile_id: str, before: int | None, count: int
) -> tuple[list[PublicChange], int | None]:
    """What changed of a profile's tags, the newest first, and where older changes are looked for; None: nowhere.

    The tags topic is read backwards in windows. An answer may be short, or empty, and still say where to go on.
    """
    partition = access.partition_of(profile_id)
    topic = access.settings.topic("tags")
    start = (await access.log.starts(topic, [partition]))[partition]
    end = (await access.log.ends(topic, [partition]))[partition]
    stop = end if before is None else min(before, end)
    found: list[tuple[int, PublicChange]] = []
    key, looked_at = profile_id.encode(), 0
    while stop > start and len(found) < count and looked_at < _MOST:
        first = max(start, stop - _WINDOW)
        window = [
            (one.offset, from_json(bytes(one.value)))
            async for one in read_through(access.log, topic, partition, first, stop)
            if one.key == key and one.value is not None
        ]
        found += reversed(window)
        looked_at += stop - first
        stop = first
    if len(found) > count:
        found = found[:count]
        stop = found[-1][0]
    return [change for _, change in found], stop if stop > start else None


async def explain(access: Access, profile_id: str, segment: str) -> dict[str, Any]:
    """Why a profile is in a segment or not; `events_behind` of its partition are still to be applied."""
    found, behind = await explain_membership(
        access.log,
        access.settings.namespace,
        await access.registry(),
        rules_of(access.settings),
        profile_id=profile_id,
        segment=segment,
    )
    return _readable(found) | {"events_behind": behind}


def _readable(found: Explanation) -> dict[str, Any]:
    """The explanation with times as RFC 3339."""
    plain: dict[str, Any] = msgspec.to_builtins(found)
    for values in (plain, *plain["sequences"], *plain["next"]):
        for name in ("as_of_ms", "since_ms", "deadline_ms", "at_ms"):
            if name in values:
                at_ms = values.pop(name)
                values[name.removesuffix("_ms")] = None if at_ms is None else rfc3339(at_ms)
    for leaf in plain["conditions"]:
        leaf["decided_by"] = [{"at": rfc3339(at_ms), "offset": offset} for at_ms, offset in leaf["decided_by"]]
    return plain


async def merge(access: Access, child: str, into: str) -> None:
    """Make two profiles one."""
    if child == into:
        msg = f"{child} cannot become part of itself: name another profile"
        raise UsageError(msg)
    made = record.merge(child, into, access.now_ms())
    if isinstance(made, Refused):
        raise UsageError(made.text)
    await access.append("events", [made])
