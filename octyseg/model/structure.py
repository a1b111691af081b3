"""The exact look at a record's JSON: one document, no key twice, numbers a double can hold, within the limits.

Slower than the decoders, and asked only where they cannot tell. A key that stands twice is decoded once
but shows twice in the bytes, so counting finds it; only when the counts differ, as they also do for text
that looks like a key, is the document read pair by pair. Raises RefusedError with the reason.
"""

import json
from typing import Any

import msgspec

from octyseg.model.refusal import Refusal, RefusedError

MAX_DEPTH = 16
MAX_KEYS = 256
_MAX_DIGITS = 309  # of the largest double
# Every key ends so, unless white space parts it from its colon.
KEY_END = b'":'

_decode_any = msgspec.json.Decoder().decode


def hides_keys(value: bytes) -> bool:
    """Whether white space may part a key from its colon. Most records hold no white space at all."""
    if len(value.split(None, 1)) == 1:
        return False
    # Inside strings JSON knows no white space but the blank.
    return value.find(b" :") >= 0 or value.find(b"\t") >= 0 or value.find(b"\n") >= 0 or value.find(b"\r") >= 0


def check_structure(value: bytes) -> Any:
    """The document, generic; the limits are MAX_DEPTH levels and MAX_KEYS keys in all."""
    document, depth, keys = _measured(value, "the record")
    if depth > MAX_DEPTH:
        raise RefusedError("too_deep", f"the record nests {depth} deep: at most {MAX_DEPTH} are taken")
    if keys > MAX_KEYS:
        raise RefusedError("too_many_keys", f"the record has {keys} keys: at most {MAX_KEYS} are taken")
    return document


def read_body(value: bytes) -> Any | Refusal:
    """The document of a request, generic, of any size."""
    try:
        return _measured(value, "the body")[0]
    except RefusedError as error:
        return error.refusal


def _measured(value: bytes, what: str) -> tuple[Any, int, int]:
    """The document, its depth and number of keys."""
    try:
        document = _decode_any(value)
    except (ValueError, RecursionError):
        document = _read_pairs(value, what)
    depth, keys = _measure(document)
    if value.count(KEY_END) != keys or hides_keys(value):
        document = _read_pairs(value, what)
    return document, depth, keys


def _read_pairs(value: bytes, what: str) -> Any:
    """The document, read so that a key that stands twice is seen."""
    try:
        text = value.decode()
    except UnicodeDecodeError:
        raise RefusedError("not_utf8", f"{what} is not UTF-8: encode it as UTF-8") from None
    try:
        document = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant, parse_int=_bounded_int)
        _decode_any(value)
    except RecursionError:
        raise RefusedError("too_deep", f"{what} nests deeper than is read: flatten it") from None
    except msgspec.ValidationError as error:
        raise RefusedError("bad_number", f"{lowered(error)}: send numbers a double can hold") from None
    except msgspec.DecodeError:
        # The other decoder took it: that one knows no whole characters.
        text = f"{what} holds half of a character (a lone surrogate): send the whole character"
        raise RefusedError("bad_json", text) from None
    except ValueError as error:
        raise RefusedError("bad_json", f"{what} is not JSON: {lowered(error)}") from None
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
    level: list[Any] = [document] if isinstance(document, dict | list) else []
    while level:
        depth += 1
        below: list[Any] = []
        for item in level:
            if type(item) is dict:
                keys += len(item)
                item = item.values()  # noqa: PLW2901 - an object stands here for its values
            below += [member for member in item if type(member) is dict or type(member) is list]
        level = below
    return depth, keys


def lowered(error: Exception) -> str:
    """What another decoder says, as a part of our sentence."""
    text = str(error)
    return text[:1].lower() + text[1:]
