"""Whether properties match: JSON types are strict, numbers compare as numbers, missing is not null.

Under `compat: octy` a string of a definition also matches a number or boolean of the same text.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec

_encode = msgspec.json.Encoder(order="deterministic").encode
_MISSING = object()
# Longer ones are kept as a digest; text in JSON has quotation marks, so none looks like one.
_LONGEST_CORRELATION = 128


def matches(wanted: Mapping[str, Any], properties: Mapping[str, Any], as_text: bool) -> bool:
    """Whether every wanted pair is in the properties of one event. Nothing wanted: any event."""
    for name, value in wanted.items():
        found = properties.get(name, _MISSING)
        if type(value) is str and type(found) is str:
            if value != found:
                return False
        elif not same(value, found) and not (as_text and _same_text(value, found)):
            return False
    return True


def same(left: Any, right: Any) -> bool:
    """Equality of JSON values: a boolean is never a number, 1 is 1.0, NaN equals nothing."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, dict):
        return isinstance(right, dict) and left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return isinstance(right, list) and len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


def correlation_of(name: str, properties: Mapping[str, Any]) -> str | None:
    """The text by which events of one instance are told together; None for all that lack the property."""
    if name not in properties:
        return None
    value = properties[name]
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = _encode(value)
    return text.decode() if len(text) <= _LONGEST_CORRELATION else hashlib.blake2b(text, digest_size=16).hexdigest()


def _same_text(wanted: Any, found: Any) -> bool:
    if not isinstance(wanted, str) or not isinstance(found, bool | int | float):
        return False
    return wanted == _encode(found).decode()
