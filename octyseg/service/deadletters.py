"""Records that were refused, the newest first: what came, why it could not be taken, and from where."""

from typing import Any

from octyseg.log.port import Record, read_through
from octyseg.model.change import rfc3339
from octyseg.service.access import Access

# The topic has one partition.
_PARTITION = 0
# So much of a record is shown; the topic has all of it.
MOST_SHOWN_BYTES = 4_096


async def newest(access: Access, before: int | None, count: int) -> tuple[list[dict[str, Any]], int | None]:
    """At most so many of those below the offset `before`, and where older ones are; None: nowhere."""
    topic = access.settings.topic("deadletter")
    start = (await access.log.starts(topic, [_PARTITION]))[_PARTITION]
    end = (await access.log.ends(topic, [_PARTITION]))[_PARTITION]
    stop = end if before is None else min(before, end)
    first = max(start, stop - count)
    if first >= stop:
        return [], None
    found = [_shown(one) async for one in read_through(access.log, topic, _PARTITION, first, stop)]
    return found[::-1], first if first > start else None


async def last(access: Access, count: int) -> list[dict[str, Any]]:
    """The newest of all."""
    return (await newest(access, None, count))[0]


def _shown(one: Record) -> dict[str, Any]:
    """A dead letter as octyseg.stages.deadletter wrote it; bytes that are no text are shown as escapes."""
    headers = {name: _text(value) for name, value in one.headers}
    value = one.value or b""
    return {
        "offset": one.offset,
        "refused_at": rfc3339(one.timestamp),
        "reason": headers.get("reason"),
        "error": headers.get("error"),
        "stage": headers.get("stage"),
        "topic": headers.get("topic"),
        "source": f"{headers.get('partition')}/{headers.get('offset')}",
        "key": None if one.key is None else _text(one.key),
        "value": _text(value[:MOST_SHOWN_BYTES]),
        "value_bytes": int(headers.get("value_bytes", len(value))),
    }


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
