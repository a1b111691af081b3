"""Forgetting a profile: the record that asks for it, and how far it has come.

An erasure is known by where its record stands on `octyseg.events`, so that nothing else need remember whom it
is about; once retention took the record, the erasure is over and not known any more.
"""

import asyncio
import re
from typing import Any

from octyseg.errors import NotFound, UsageError
from octyseg.history.archive import Archive, partitions_in
from octyseg.hosting.runner import group_of
from octyseg.intake import record
from octyseg.intake.record import Refused
from octyseg.log.port import read_through
from octyseg.model.record import Erase, decode
from octyseg.service.access import Access

_ID = re.compile(r"erasure_(\d{1,5})_(\d{1,18})")


async def erase(access: Access, profile_id: str) -> dict[str, Any]:
    """Have everything about a profile forgotten; how far that has come."""
    made = record.erasure(profile_id, access.now_ms())
    if isinstance(made, Refused):
        raise UsageError(made.text)
    ((partition, appended),) = (await access.append("events", [made])).items()
    return await _status(access, profile_id, partition, appended.first_offset)


async def erasure(access: Access, erasure_id: str) -> dict[str, Any]:
    """How far an erasure has come; NotFound when none is known under this id."""
    match = _ID.fullmatch(erasure_id)
    partition, offset = (int(match[1]), int(match[2])) if match else (-1, 0)
    topic = access.settings.topic("events")
    if 0 <= partition < access.partitions:
        start = (await access.log.starts(topic, [partition]))[partition]
        end = (await access.log.ends(topic, [partition]))[partition]
        if start <= offset < end:
            async for found in read_through(access.log, topic, partition, offset, offset + 1):
                read = decode(found.key, found.value)
                if isinstance(read, Erase):
                    return await _status(access, read.profile_id, partition, offset)
    msg = f"there is no erasure {erasure_id}: its id is in the answer that began it, for as long as events are kept"
    raise NotFound(msg)


async def _status(access: Access, profile_id: str, partition: int, offset: int) -> dict[str, Any]:
    group = group_of(access.settings.namespace, "live")
    applied = (await access.log.committed(group, access.settings.topic("events"), [partition]))[partition] or 0
    outcomes = (await access.log.ends(access.settings.topic("outcomes"), [partition]))[partition]
    reached = (await access.reader.reached([partition]))[partition]
    # Whoever comes back under the same id later is somebody new.
    known = (await access.directory.known([profile_id]))[0]
    from_state = applied > offset
    from_redis = from_state and reached >= outcomes and not known
    from_history = await asyncio.to_thread(_is_out_of_history, access, profile_id, partition, offset)
    return {
        "erasure_id": f"erasure_{partition}_{offset}",
        "status": "done" if from_state and from_redis and from_history is not False else "pending",
        "erased_from": {"state": from_state, "redis": from_redis, "history": from_history},
    }


def _is_out_of_history(access: Access, profile_id: str, partition: int, offset: int) -> bool | None:
    """Whether history has no row of it left; None when there is no history here to look at."""
    directory = access.settings.history_directory
    if partition not in partitions_in(directory):
        return None
    archive = Archive(directory, partition)
    return archive.reached() > offset and not archive.holds(profile_id, offset + 1)
