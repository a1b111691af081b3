"""Definition files as trees of nodes: bytes of YAML or JSON in, documents with positions out.

ruamel.yaml's parser does the reading of both; JSON is held to its own grammar first. Refused here:
files above 1 MiB, duplicate keys, tags such as !!python/object, alias bombs, nesting without end.
Nothing here knows what a definition is.
"""

import json
import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import Event
from ruamel.yaml.reader import ReaderError

from octyseg.model.definitions.reading.node import Node
from octyseg.model.definitions.reading.problem import START, Place, Problem
from octyseg.model.definitions.reading.tree import CannotRead, TreeBuilder

MAX_BYTES = 1024 * 1024


def read_documents(data: bytes, source: str) -> tuple[list[Node], list[Problem]]:
    """Every document of the file that could be read, and what is wrong with the writing itself."""
    if len(data) > MAX_BYTES:
        text = f"the file has {len(data):,} bytes: split it, {MAX_BYTES:,} is the most that is read"
        return [], [_unreadable(START, text)]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        return [], [_unreadable(_place(before, len(before)), "the file is not UTF-8: save it as UTF-8")]
    if _is_json(text, source):
        problem = _json_problem(text)
        # Outside strings, where JSON allows a tab and YAML may not, a space holds the same place.
        return ([], [problem]) if problem else _build(text.replace("\t", " "))
    return _build(text)


def _is_json(text: str, source: str) -> bool:
    """Whether to hold the text to JSON: by its name, else by how it begins."""
    if source.endswith(".json"):
        return True
    return not source.endswith((".yaml", ".yml")) and text.lstrip()[:1] in ("{", "[")


def _json_problem(text: str) -> Problem | None:
    """What makes the text not JSON, if anything. Numbers are judged later, where their place is known."""
    try:
        json.loads(text, parse_int=str, parse_float=str)
    except json.JSONDecodeError as error:
        wrong = error.msg[:1].lower() + error.msg[1:]
        return _unreadable(Place(error.lineno, error.colno), f"this is not JSON: {wrong}: correct it here")
    except RecursionError:
        return _unreadable(START, CannotRead.NESTED)
    return None


def _build(text: str) -> tuple[list[Node], list[Problem]]:
    """Feed the parser's events to a builder until the end or the first thing that cannot be passed over."""
    builder = TreeBuilder()
    try:
        for event in _events(text):
            builder.feed(event)
    except CannotRead as error:
        builder.problems.append(_unreadable(error.place, str(error)))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else START
        # The parser shows its tokens as Python tuples.
        wrong = re.sub(r"\('?<?([^'<>]*)>?'?,\)", r"\1", error.problem or error.context or "unreadable")
        text = f"{wrong}: check the indentation, the colons and the quotes here"
        builder.problems.append(_unreadable(place, text))
    except ReaderError as error:
        text_problem = "a character that cannot be printed: remove it"
        builder.problems.append(_unreadable(_place(text, error.position), text_problem))
    except YAMLError as error:
        builder.problems.append(_unreadable(START, f"{error}: correct the file"))
    return builder.documents, builder.problems


def _events(text: str) -> Iterator[Event]:
    """The parser's events, one at a time, so that reading can stop at the first limit."""
    yield from YAML(typ="rt", pure=True).parse(text)


def _place(text: str, index: int) -> Place:
    """Line and column of a character of the text."""
    return Place(text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index))


def _unreadable(place: Place, text: str) -> Problem:
    return Problem(place, "", "syntax", text)
