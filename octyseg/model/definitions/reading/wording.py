"""A model's refusals in the words of someone who writes definitions, with the path to each.

Takes pydantic's errors and the node they are about; rules that know more have spoken before, so these
are about the kind of a value: text where a number should be, a list where there should be keys.
"""

from collections.abc import Iterator, Sequence

from pydantic.alias_generators import to_snake
from pydantic_core import ErrorDetails

from octyseg.model.definitions.conditions import form_of
from octyseg.model.definitions.reading.node import Node, described, find
from octyseg.model.definitions.spelling import Finding, Path, absent_name

_WANTED = {
    "string_type": "text, in quotes if it looks like something else",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "dict_type": "a block of keys and values",
    "model_type": "a block of keys and values",
    "model_attributes_type": "a block of keys and values",
    "tuple_type": "a list",
    "none_required": "nothing",
}
_LIMITS = {
    "string_too_short": ("min_length", "write at least {} character"),
    "string_too_long": ("max_length", "use at most {} characters"),
    "too_long": ("max_length", "use at most {}"),
    "too_short": ("min_length", "write at least {}"),
    "greater_than_equal": ("ge", "write at least {}"),
    "greater_than": ("gt", "write more than {}"),
    "less_than_equal": ("le", "write at most {}"),
}


def shape_findings(errors: Sequence[ErrorDetails], node: Node) -> Iterator[Finding]:
    """One finding for each value that has the wrong shape, however many members of a union refused it."""
    by_path: dict[Path, list[ErrorDetails]] = {}
    for error in errors:
        _, path = find(node, _untagged(node, error["loc"]))
        if error["type"] == "missing":
            path = (*path, to_snake(str(error["loc"][-1])))
        by_path.setdefault(path, []).append(error)
    for path, about in by_path.items():
        yield path, _text(node, path, about)


def _untagged(node: Node, path: Path) -> Path:
    """The path without the forms that pydantic names before the keys of a condition."""
    kept: list[str | int] = []
    fresh = False
    for index, part in enumerate(path):
        here, _ = find(node, kept)
        if fresh and index < len(path) - 1 and part == form_of(here.entries):
            fresh = False
            continue
        kept.append(part)
        fresh = True
    return tuple(kept)


def _text(node: Node, path: Path, errors: list[ErrorDetails]) -> str:
    if errors[0]["type"] == "missing":
        holder, _ = find(node, path[:-1])
        return f"{absent_name(holder, str(path[-1]))} is missing: add it"
    value, _ = find(node, path)
    return f"{_subject(node, path)} is {described(value)}: {_wanted(errors)}"


def _subject(node: Node, path: Path) -> str:
    """The key as written, or the number of the item in its list."""
    if not path:
        return "the definition"
    last = path[-1]
    if isinstance(last, int):
        return f"{_subject(node, path[:-1])}, item {last + 1},"
    holder, _ = find(node, path[:-1])
    return holder.keys[last].written if last in holder.keys else last


def _wanted(errors: list[ErrorDetails]) -> str:
    """What to write instead; members of a union that come to the same are said once."""
    wanted: dict[str, None] = {}
    for error in errors:
        if error["type"] in _LIMITS:
            name, text = _LIMITS[error["type"]]
            return text.format(error["ctx"][name])
        if error["type"] == "literal_error":
            wanted[error["ctx"]["expected"].replace("'", "")] = None
        elif error["type"] in _WANTED:
            wanted[_WANTED[error["type"]]] = None
        else:
            return error["msg"][:1].lower() + error["msg"][1:]
    if "a number" in wanted:
        wanted.pop("a whole number", None)
    return f"write {' or '.join(wanted)}"
