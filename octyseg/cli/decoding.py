"""Records of any topic as JSON values for people: packed ones get the names of their fields back.

A value that cannot be read is shown as the text it might be, never dropped: `tail` is for looking.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from octyseg.engine.state import decode_state
from octyseg.log.port import Record
from octyseg.model.change import TagChange, publish, rfc3339
from octyseg.model.outcome import (
    CLAIM_KEY,
    FLOOR_KEY,
    MARKER_KEY,
    SWEPT_KEY,
    Outcome,
    StateRecord,
    decode_claim,
    decode_floor,
    decode_marker,
    decode_outcome,
    decode_state_record,
    decode_swept,
)

_RESERVED: dict[bytes, Callable[[bytes], msgspec.Struct]] = {
    CLAIM_KEY: decode_claim,
    SWEPT_KEY: decode_swept,
    MARKER_KEY: decode_marker,
    FLOOR_KEY: decode_floor,
}
_PACKED: dict[str, Callable[[bytes], msgspec.Struct]] = {"outcomes": decode_outcome, "state": decode_state_record}
_decode_json = msgspec.json.Decoder().decode


def shown(short_name: str, partition: int, record: Record) -> dict[str, Any]:
    """A record as `tail` prints it."""
    return {
        "partition": partition,
        "offset": record.offset,
        "timestamp": rfc3339(record.timestamp),
        "key": None if record.key is None else _text(record.key),
        "headers": {name: _text(value) for name, value in record.headers},
        "value": None if record.value is None else _value(short_name, record.key, record.value),
    }


def _value(short_name: str, key: bytes | None, value: bytes) -> Any:
    decode = _RESERVED.get(key or b"") or _PACKED.get(short_name, _decode_json)
    try:
        return _named(decode(value))
    except (msgspec.MsgspecError, ValueError):
        return _text(value)


def _named(value: Any) -> Any:
    """Structs, which are arrays on the wire, as objects with names."""
    match value:
        case TagChange():
            return _named(publish(value))
        case Outcome() | StateRecord():
            fields = msgspec.structs.asdict(value)
            return _named(fields | {"state": None if value.state is None else decode_state(value.state)})
        case msgspec.Struct():
            return _named(msgspec.structs.asdict(value))
        case dict():
            return {name: _named(part) for name, part in value.items()}
        case list() | tuple():
            return [_named(part) for part in value]
    return value


def _text(data: bytes) -> str:
    return data.decode(errors="backslashreplace")
