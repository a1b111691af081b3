"""What differs between two definitions, field by field, for people who are about to apply one.

Takes models, gives dotted paths with the old and the new value; a field left at its default counts as
that default, so that spelling it out is no difference.
"""

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from octyseg.model.definitions.shape import Shape


class FieldChange(NamedTuple):
    """One field, e.g. event_sequence[0].exp_timeframe; None stands for absent."""

    field: str
    old: Any
    new: Any


def differences(old: Shape, new: Shape) -> tuple[FieldChange, ...]:
    """Every field whose value differs; true and 1 differ, the order of keys does not."""
    return tuple(_compare("", old.model_dump(mode="json"), new.model_dump(mode="json")))


def _compare(path: str, old: Any, new: Any) -> Iterator[FieldChange]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _compare(f"{path}.{key}" if path else key, old.get(key), new.get(key))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compare(f"{path}[{index}]", _at(old, index), _at(new, index))
    elif json.dumps(old) != json.dumps(new):
        yield FieldChange(path, old, new)


def _at(items: list[Any], index: int) -> Any:
    return items[index] if index < len(items) else None
