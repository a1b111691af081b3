"""History as records again, in the order of their time: so that the engine can say what it would have told."""

from collections.abc import Iterator

import msgspec
import pyarrow.parquet as pq

from octyseg.history.archive import Archive
from octyseg.history.rows import properties_of
from octyseg.model.change import rfc3339

_encode = msgspec.json.Encoder().encode


def records(archive: Archive, since_ms: int, until_ms: int) -> Iterator[tuple[int, bytes]]:
    """(time, record) of one partition to `until_ms`; events from after `since_ms`, the others from the beginning."""
    reached = archive.reached()
    told = [(one.at_ms, one.place, one.record) for one in archive.told(reached) if one.at_ms <= until_ms]
    for path in archive.history(until_ms, reached).files:
        filters = [("at_ms", ">", since_ms), ("at_ms", "<=", until_ms)]
        rows = pq.read_table(path, filters=filters).to_pylist()
        told += [(row["at_ms"], row["place"], _record(row)) for row in rows]
    for at_ms, _, record in sorted(told, key=lambda one: one[:2]):
        yield at_ms, record


def _record(row: dict[str, object]) -> bytes:
    at_ms, event_id = row["at_ms"], row["event_id"]
    assert isinstance(at_ms, int)
    document = {
        "profile_id": row["profile_id"],
        "event_type": row["event_type"],
        "event_properties": properties_of(str(row["properties"])),
        "created_at": rfc3339(at_ms),
    }
    # The id itself is not kept, and copies are told apart as well by what stands for it.
    return _encode(document if event_id is None else document | {"event_id": str(event_id)})
