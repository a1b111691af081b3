"""A definition as its author left it: canonical keys, any values, for the rules to ask.

Rules ask a draft and not a model, because a definition with one wrong value still deserves to hear of
all its others. An answer of None means that the key is absent or holds another kind of value; saying
so is the business of the shape, not of the rule that asked.
"""

from dataclasses import dataclass, field
from functools import cached_property

from octyseg.model.definitions.reading.node import Leaf, Node, find
from octyseg.model.definitions.reading.problem import Place
from octyseg.model.definitions.spelling import Path, absent_name

# Marks a key without a value, where a value of None could not be told from one.
_NOTHING = Node(None, Place(1, 1))


@dataclass(frozen=True)
class Draft:
    """One mapping of canonical keys; `path` leads to it from its definition."""

    node: Node
    path: Path = field(default=())

    def has(self, key: str) -> bool:
        """Whether the key has a value."""
        return key in self.node.entries

    def leaf(self, key: str) -> Leaf:
        """The value of the key when it is a single one."""
        value = self.node.entries.get(key, _NOTHING).value
        return None if isinstance(value, dict | list) else value

    def text(self, key: str) -> str | None:
        """The value of the key when it is text."""
        value = self.leaf(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | float | None:
        """The value of the key when it is a number; true and false are none."""
        value = self.leaf(key)
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None

    def whole(self, key: str) -> int | None:
        """The value of the key when it is a whole number."""
        value = self.number(key)
        return value if isinstance(value, int) else None

    def at(self, key: str) -> Path:
        """The path of a key of this mapping."""
        return (*self.path, key)

    def named(self, key: str) -> str:
        """The key as the file spells it, or would."""
        return self.node.keys[key].written if key in self.node.keys else absent_name(self.node, key)

    def children(self, key: str) -> "list[Draft]":
        """The mappings in a list."""
        listed = self.node.entries.get(key, _NOTHING).items
        return [Draft(item, (*self.path, key, index)) for index, item in enumerate(listed)]

    def child(self, key: str) -> "Draft":
        """The mapping under a key; an empty one when there is none."""
        return Draft(self.node.entries.get(key, _NOTHING), (*self.path, key))

    @cached_property
    def steps(self) -> "list[Draft]":
        """The events of the sequence."""
        return self.children("event_sequence")

    @property
    def segment_type(self) -> str | None:
        """The type, when it is text."""
        return self.text("segment_type")

    @property
    def kind(self) -> tuple[str | None, int | None]:
        """Type and sub type."""
        return self.segment_type, self.whole("segment_sub_type")


def place_of(node: Node, path: Path) -> Place:
    """Where to point for a path: at the key if it is written, else at what should hold it."""
    holder, taken = find(node, path[:-1])
    last = path[-1] if path else None
    if isinstance(last, str) and len(taken) == len(path) - 1:
        return holder.key_place(last)
    return find(node, path)[0].place
