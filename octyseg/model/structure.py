"""The exact look at a record's JSON: one document, no key twice, numbers a double can hold, within the limits.

Slower than the decoders, and asked only where they cannot tell. Raises RefusedError with the reason.
"""

import json
from typing import Any

import msgspec

from octyseg.model.refusal import RefusedError

MAX_DEPTH = 16
MAX_KEYS = 256
_MAX_DIGITS = 309  # of the largest double

_decode_any = msgspec.json.Decoder().decode


def check_structure(value: bytes) -> Any:
    """The document, generic; the limits are MAX_DEPTH levels and MAX_KEYS keys in all."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise RefusedError("not_utf8", "the record is not UTF-8: encode it as UTF-8") from None
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int)
        _decode_any(value)
    except RecursionError:
        raise RefusedError("too_deep", f"the record nests deeper than {MAX_DEPTH}: flatten it") from None
    except msgspec.ValidationError as error:
        raise RefusedError("bad_number", f"{lowered(error)}: send numbers a double can hold") from None
    except (ValueError, msgspec.DecodeError) as error:
        raise RefusedError("bad_json", f"the record is not JSON: {lowered(error)}") from None
    depth, keys = _measure(document)
    if depth > MAX_DEPTH:
        raise RefusedError("too_deep", f"the record nests {depth} deep: at most {MAX_DEPTH} are taken")
    if keys > MAX_KEYS:
        raise RefusedError("too_many_keys", f"the record has {keys} keys: at most {MAX_KEYS} are taken")
    return document


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise RefusedError("duplicate_key", f"key {twice!r} stands twice in one object: send it once")
    return document


def _no_constant(name: str) -> None:
    raise RefusedError("bad_number", f"{name} is not JSON: leave the key out instead")


def _bounded_int(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise RefusedError("bad_number", f"a whole number of {len(digits)} digits: send numbers a double can hold")
    return int(digits)


def _measure(document: Any) -> tuple[int, int]:
    """Depth and number of keys, without recursion."""
    depth = keys = 0
    level = [document]
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                keys += len(item)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if any(isinstance(item, dict | list) for item in level):
            depth += 1
        level = below
    return depth, keys


def lowered(error: Exception) -> str:
    """What another decoder says, as a part of our sentence."""
    text = str(error)
    return text[:1].lower() + text[1:]
