"""From the events of a YAML parser to nodes, one at a time and within limits.

Fed by octyseg.model.source. Aliases are followed but counted as if written out, so a file of a few
bytes cannot become a tree of gigabytes. What can be passed over (a duplicate key, a tag, an endless
number) becomes a problem and reading goes on; anything else raises CannotRead.
"""

from dataclasses import dataclass, field

from ruamel.yaml.events import (
    AliasEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from octyseg.model.definitions.reading.node import Key, Leaf, Node
from octyseg.model.definitions.reading.problem import Place, Problem, one_line
from octyseg.model.definitions.reading.scalars import NotANumber, plain_scalar

MAX_DEPTH = 32
MAX_NODES = 50_000


class CannotRead(Exception):
    """Reading must end here: a limit is passed, or what follows would make no sense."""

    NESTED = f"nested too deeply: use at most {MAX_DEPTH} levels"
    LARGE = f"too many values, aliases counted as written out: use at most {MAX_NODES:,}"

    def __init__(self, place: Place, text: str) -> None:
        self.place = place
        super().__init__(text)


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not been read, and the key that waits for its value."""

    node: Node
    anchor: str | None
    nodes_before: int
    key: Key | None = None


@dataclass(slots=True)
class TreeBuilder:
    """Takes events in order; `documents` and `problems` may be read at any time, after a limit too."""

    documents: list[Node] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _open: list[_Open] = field(default_factory=list)
    _anchors: dict[str, tuple[Node, int]] = field(default_factory=dict)
    _nodes: int = 0

    def feed(self, event: Event) -> None:
        """Take one event; stream and document marks need nothing."""
        if isinstance(event, MappingEndEvent | SequenceEndEvent):
            closed = self._open.pop()
            self._keep(closed.anchor, closed.node, self._nodes - closed.nodes_before)
            self._place(closed.node)
            return
        if not isinstance(event, NodeEvent):
            return
        place = Place(event.start_mark.line + 1, event.start_mark.column + 1)
        self._count(place, 1)
        if isinstance(event, AliasEvent):
            self._alias(event, place)
            return
        assert isinstance(event, ScalarEvent | MappingStartEvent | SequenceStartEvent)
        if event.tag is not None:
            self._wrong(place, f"tags such as {one_line(str(event.tag))} are not read here: remove the tag")
        if isinstance(event, ScalarEvent):
            self._scalar(event, place)
        else:
            self._start(event, place)

    def _start(self, event: MappingStartEvent | SequenceStartEvent, place: Place) -> None:
        if self._awaits_key:
            raise CannotRead(place, "a key must be one word or text: write a list or block as a value")
        if len(self._open) >= MAX_DEPTH:
            raise CannotRead(place, CannotRead.NESTED)
        node = Node({}, place) if isinstance(event, MappingStartEvent) else Node([], place)
        self._open.append(_Open(node, event.anchor, self._nodes))

    def _scalar(self, event: ScalarEvent, place: Place) -> None:
        text = self._joined(event.value, place)
        if self._awaits_key:
            if text == "<<" and event.style is None:
                self._wrong(place, "merge keys (<<) are not read here: write the keys out")
            self._open[-1].key = Key(place, text)
            return
        value: Leaf = text
        if event.style is None and event.tag is None:
            try:
                value = plain_scalar(text)
            except NotANumber as error:
                self._wrong(place, str(error))
                value = None
        node = Node(value, place)
        self._keep(event.anchor, node, 1)
        self._place(node)

    def _alias(self, event: AliasEvent, place: Place) -> None:
        if self._awaits_key or event.anchor not in self._anchors:
            name = one_line(str(event.anchor))
            raise CannotRead(place, f"the alias *{name} names nothing that is complete here: write the value out")
        node, size = self._anchors[event.anchor]
        self._count(place, size - 1)
        self._place(node)

    def _place(self, node: Node) -> None:
        """Put a finished node where it belongs: the document, the open list or under the waiting key."""
        if not self._open:
            self.documents.append(node)
            self._anchors.clear()
            return
        parent = self._open[-1]
        if isinstance(parent.node.value, list):
            parent.node.value.append(node)
            return
        assert isinstance(parent.node.value, dict)
        assert parent.key is not None
        key, parent.key = parent.key, None
        if key.written in parent.node.value:
            first = parent.node.keys[key.written].place.line
            self._wrong(key.place, f"the key {one_line(key.written)} is already in line {first}: keep one of them")
            return
        parent.node.value[key.written] = node
        parent.node.keys[key.written] = key

    @property
    def _awaits_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1].node.value, dict) and self._open[-1].key is None

    def _joined(self, text: str, place: Place) -> str:
        r"""The text with JSON's pairs of \u escapes joined into the characters they stand for."""
        try:
            return text.encode("utf-16", "surrogatepass").decode("utf-16")
        except UnicodeDecodeError:
            self._wrong(place, "half of a character (a lone surrogate): write the whole character")
            return text.encode("ascii", "replace").decode()

    def _keep(self, anchor: str | None, node: Node, size: int) -> None:
        if anchor is not None:
            self._anchors[anchor] = (node, size)

    def _count(self, place: Place, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > MAX_NODES:
            raise CannotRead(place, CannotRead.LARGE)

    def _wrong(self, place: Place, text: str) -> None:
        self.problems.append(Problem(place, "", "syntax", text))
