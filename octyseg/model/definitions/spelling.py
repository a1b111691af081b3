"""One name for each key, however the file spells it: camelCase, snake_case, or a form of Octy's.

Turns a written mapping into one with canonical snake_case keys, as deep as the models go. Unknown keys
and keys given twice under two spellings become findings; a key without a value counts as absent.
"""

import difflib

from octyseg.model.definitions.conditions import (
    FORMS,
    AttributeCondition,
    Count,
    PerformedCondition,
    Span,
    Within,
    form_of,
)
from octyseg.model.definitions.definition import AccountConfiguration, EventStep, SegmentDefinition
from octyseg.model.definitions.reading.node import Key, Node
from octyseg.model.definitions.reading.problem import one_line
from octyseg.model.definitions.shape import Shape, camel_name, written_name

# Spellings beyond snake_case and its camelCase: Octy's YAML, its JSON and its clients have more than one.
_MORE_SPELLINGS: dict[type[Shape], dict[str, tuple[str, ...]]] = {
    SegmentDefinition: {"segment_sub_type": ("segmentSubtype", "segment_subtype", "sub_type", "subType")},
    AccountConfiguration: {
        "contact_email_address": ("contactEmail", "contact_email"),
        "webhook_url": ("webhookURL",),
        "authenticated_id_key": ("authenticatedIDKey",),
    },
    AttributeCondition: {"attribute": ("path",)},
    PerformedCondition: {"event_properties": ("properties",)},
}

# What a key holds when it holds more keys. None stands for a condition, whose form decides.
_NESTED: dict[str, type[Shape] | None] = {
    "event_sequence": EventStep,
    "profile_conditions": AttributeCondition,
    "conditions": None,
    "all": None,
    "any": None,
    "not": None,
    "count": Count,
    "within": Within,
    "value": Span,
}

# Octy's clients send these as empty text when they are not used.
_EMPTY_IS_ABSENT = frozenset({"profile_property_name", "profile_property_value"})

_MOST_LISTED = 10

Path = tuple[str | int, ...]
Finding = tuple[Path, str]


def spellings(model: type[Shape]) -> dict[str, str]:
    """Every accepted spelling of the model's keys, with the canonical key it stands for."""
    more = _MORE_SPELLINGS.get(model, {})
    accepted: dict[str, str] = {}
    for field in model.model_fields:
        canonical = written_name(field)
        for spelling in (camel_name(field), canonical, *more.get(canonical, ())):
            accepted[spelling] = canonical
    return accepted


def canonical(node: Node, model: type[Shape], path: Path = ()) -> tuple[Node, list[Finding]]:
    """The mapping with canonical keys, and the keys that could not be read. Other values come back as they are."""
    if not isinstance(node.value, dict):
        return node, []
    accepted = spellings(model)
    entries: dict[str, Node] = {}
    keys: dict[str, Key] = {}
    spelled: dict[str, str] = {}
    findings: list[Finding] = []
    for written, child in node.value.items():
        key = accepted.get(written)
        keys.setdefault(written, node.keys[written])
        if key is None:
            findings.append(((*path, written), _unknown_key(node, written, accepted)))
        elif key in spelled:
            text = f"{written} and {spelled[key]} are the same field: keep one of them"
            findings.append(((*path, written), text))
        else:
            spelled[key] = written
            keys[key] = node.keys[written]
            if child.value is not None and not (key in _EMPTY_IS_ABSENT and child.value == ""):
                entries[key], deeper = _nested(child, key, (*path, key))
                findings.extend(deeper)
    return Node(entries, node.place, keys), findings


def _nested(node: Node, key: str, path: Path) -> tuple[Node, list[Finding]]:
    """The value of a key, itself made canonical where it holds keys, in a list or not."""
    if key not in _NESTED:
        return node, []
    if isinstance(node.value, list):
        read = [_one(item, key, (*path, index)) for index, item in enumerate(node.value)]
        return Node([item for item, _ in read], node.place), [finding for _, found in read for finding in found]
    return _one(node, key, path)


def _one(node: Node, key: str, path: Path) -> tuple[Node, list[Finding]]:
    model = _NESTED[key]
    if model is None:
        form = form_of(_first_words(node))
        if form is None:
            return node, []
        model = FORMS[form]
    return canonical(node, model, path)


def _first_words(node: Node) -> dict[str, Node]:
    """A condition's keys, under the names by which its form is known."""
    return {("attribute" if key == "path" else key): value for key, value in node.entries.items()}


def _unknown_key(node: Node, written: str, accepted: dict[str, str]) -> str:
    """What to say of a key nobody knows: the nearest that is known, else all of them."""
    shown = one_line(written)
    camel = {key: spelling for spelling, key in reversed(accepted.items())}
    near = difflib.get_close_matches(written, accepted, n=1)
    if near:
        return f"unknown key {shown}: did you mean {absent_name(node, accepted[near[0]])}?"
    if len(camel) > _MOST_LISTED:
        return f"unknown key {shown}: remove it or correct its name"
    return f"unknown key {shown}: remove it, known here are {', '.join(sorted(camel.values()))}"


def absent_name(node: Node, key: str) -> str:
    """How the file would spell a key it has not: in its own style."""
    written = [name.written for name in node.keys.values()]
    snake = any("_" in name for name in written) and not any(name != name.lower() for name in written)
    return key if snake else camel_name(key)
