"""A value of a definition file that still knows where it was written.

Built by octyseg.model.definitions.reading.source from YAML or JSON, judged by the rules, turned into plain
values for the models. Holds text, numbers, booleans, null, lists and mappings, and nothing a file could smuggle in.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from octyseg.model.definitions.reading.problem import Place

Leaf = str | int | float | bool | None


class Key(NamedTuple):
    """A key of a mapping as the file spells it."""

    place: Place
    written: str


@dataclass(frozen=True, slots=True)
class Node:
    """One value and its place. `keys` says, for a mapping, where and how each key was written."""

    value: "Leaf | list[Node] | dict[str, Node]"
    place: Place
    keys: dict[str, Key] = field(default_factory=dict)

    @property
    def entries(self) -> "dict[str, Node]":
        """The mapping's values; empty when this is no mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> "list[Node]":
        """The list's values; empty when this is no list."""
        return self.value if isinstance(self.value, list) else []

    def key_place(self, key: str) -> Place:
        """Where the key is written, or the mapping itself when it has no such key."""
        return self.keys[key].place if key in self.keys else self.place


def plain(node: Node) -> Any:
    """The value without its places, as json.loads would give it."""
    if isinstance(node.value, dict):
        return {key: plain(value) for key, value in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def find(node: Node, path: Sequence[str | int]) -> tuple[Node, tuple[str | int, ...]]:
    """The deepest node on the path, and the part of the path that led there.

    Parts that name no child are passed over: pydantic puts names of union members between them.
    """
    taken: list[str | int] = []
    for part in path:
        if isinstance(part, str) and part in node.entries:
            node = node.entries[part]
        elif isinstance(part, int) and part < len(node.items):
            node = node.items[part]
        else:
            continue
        taken.append(part)
    return node, tuple(taken)


def described(node: Node) -> str:
    """The value in a few words a reader of the file recognises."""
    match node.value:
        case None:
            return "empty"
        case bool():
            return "true" if node.value else "false"
        case str():
            return f'the text "{node.value[:60]}"' if node.value else "an empty text"
        case dict():
            return "a block of keys" if node.value else "an empty block"
        case list():
            return "a list" if node.value else "an empty list"
        case _:
            return f"the number {node.value}"
