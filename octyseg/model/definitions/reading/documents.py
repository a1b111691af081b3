"""Which definitions a document holds: by its `kind`, by the lists in it, or because it is one itself.

Octy's YAML names a kind, Octy's requests are a bare definition or a named list. Takes documents from
octyseg.model.definitions.reading.source; what the definitions say is not read here.
"""

import difflib
from collections.abc import Iterator
from typing import Literal, NamedTuple

from octyseg.model.definitions.reading.node import Node, described
from octyseg.model.definitions.reading.problem import Problem, one_line

Kind = Literal["segments", "eventTypes", "accountConfigurations", "webhookEndpoints"]

# Under which keys a kind keeps its definitions; the first is the one to write in a file.
SECTIONS: dict[Kind, tuple[str, ...]] = {
    "segments": ("segmentDefinitions", "segment_definitions", "segments"),
    "eventTypes": ("eventTypeDefinitions", "event_type_definitions", "event_types"),
    "accountConfigurations": ("configurations",),
    "webhookEndpoints": ("endpoints", "webhookEndpoints", "webhook_endpoints"),
}
_KIND_OF_SECTION = {key: kind for kind, keys in SECTIONS.items() for key in keys}

# Keys by which a definition without a kind is known for what it is.
_MARKS: dict[Kind, frozenset[str]] = {
    "segments": frozenset({"segment_name", "segmentName", "segment_type", "segmentType"}),
    "accountConfigurations": frozenset({"webhook_url", "webhookUrl", "webhookURL", "contact_name", "contactName"}),
    "eventTypes": frozenset({"event_type", "eventType"}),
    "webhookEndpoints": frozenset({"url"}),
}
_KINDS = ", ".join(SECTIONS)


class Item(NamedTuple):
    """One definition as written, not yet read."""

    kind: Kind
    node: Node


def items(document: Node) -> Iterator[Item | Problem]:
    """Every definition of a document, and what is wrong with the document around them."""
    if isinstance(document.value, list):
        for entry in document.value:
            yield from _document(entry)
    elif document.value is not None:
        yield from _document(document)


def _document(node: Node) -> Iterator[Item | Problem]:
    if "kind" in node.entries:
        yield from _of_kind(node)
        return
    sections = [key for key in node.entries if key in _KIND_OF_SECTION]
    if sections:
        for key in node.entries:
            if key in _KIND_OF_SECTION:
                yield from _section(_KIND_OF_SECTION[key], node.entries[key])
            else:
                yield _strange(key, node, sections)
        return
    for kind, marks in _MARKS.items():
        if marks & node.entries.keys():
            yield Item(kind, node)
            return
    text = f"{described(node)} is no definition: begin with kind: and one of {_KINDS}"
    yield Problem(node.place, "", "kind", text)


def _of_kind(node: Node) -> Iterator[Item | Problem]:
    kind = node.entries["kind"].value
    if not isinstance(kind, str) or kind not in SECTIONS:
        shown = kind if isinstance(kind, str) else described(node.entries["kind"])
        text = f"unknown kind {one_line(shown)}: write one of {_KINDS}"
        yield Problem(node.key_place("kind"), "", "kind", text)
        return
    section = SECTIONS[kind]
    held = [key for key in node.entries if key in section]
    strange = [key for key in node.entries if key != "kind" and key not in section]
    for key in strange:
        yield _strange(key, node, list(section[:1]))
    if not held and not strange:
        yield Problem(node.place, "", "kind", f"{section[0]} is missing: write the definitions below it")
    for key in held:
        yield from _section(kind, node.entries[key])


def _section(kind: Kind, node: Node) -> Iterator[Item | Problem]:
    if kind == "accountConfigurations":
        yield Item(kind, node)
    elif isinstance(node.value, list) and node.value:
        yield from (Item(kind, entry) for entry in node.value)
    else:
        text = f"{described(node)} instead of a list: write the definitions here, each after a dash"
        yield Problem(node.place, "", "kind", text)


def _strange(key: str, node: Node, known: list[str]) -> Problem:
    near = difflib.get_close_matches(key, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"remove it, or write the definitions under {' or '.join(known)}"
    return Problem(node.key_place(key), "", "key", f"unknown key {one_line(key)}: {hint}")
