"""The JSON Schema of a definition file, for editors: completion, hints and red lines while writing.

Made of the models, with every spelling a key is accepted in. It knows the shape of a file, not the
rules; `octyseg validate` knows both. `python -m octyseg.model.definitions.schema` prints it as it is kept in
docs/schema/definitions.schema.json.
"""

import json
import sys
from typing import Any, Literal

from pydantic import Field, RootModel

from octyseg.model.definitions.conditions import FORMS, Count, Span, Within
from octyseg.model.definitions.definition import (
    AccountConfiguration,
    EventStep,
    EventTypeDefinition,
    SegmentDefinition,
    WebhookEndpoint,
)
from octyseg.model.definitions.reading.documents import SECTIONS, Kind
from octyseg.model.definitions.shape import Shape
from octyseg.model.definitions.spelling import spellings

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


class SegmentsDocument(Shape):
    """A document of segments."""

    kind: Literal["segments"]
    segment_definitions: tuple[SegmentDefinition, ...] = Field(min_length=1)


class EventTypesDocument(Shape):
    """A document of event types."""

    kind: Literal["eventTypes"]
    event_type_definitions: tuple[EventTypeDefinition, ...] = Field(min_length=1)


class AccountDocument(Shape):
    """A document with the account's configuration."""

    kind: Literal["accountConfigurations"]
    configurations: AccountConfiguration


class EndpointsDocument(Shape):
    """A document of endpoints of webhooks."""

    kind: Literal["webhookEndpoints"]
    endpoints: tuple[WebhookEndpoint, ...] = Field(min_length=1)


class DefinitionDocument(RootModel[SegmentsDocument | EventTypesDocument | AccountDocument | EndpointsDocument]):
    """One document of a definition file."""


_SPELLED: tuple[type[Shape], ...] = (
    SegmentDefinition,
    EventStep,
    EventTypeDefinition,
    AccountConfiguration,
    WebhookEndpoint,
    Count,
    Span,
    Within,
    *FORMS.values(),
)
_DOCUMENTS: dict[type[Shape], Kind] = {
    SegmentsDocument: "segments",
    EventTypesDocument: "eventTypes",
    AccountDocument: "accountConfigurations",
    EndpointsDocument: "webhookEndpoints",
}


def definition_schema() -> dict[str, Any]:
    """The schema of one document; a file may hold several."""
    schema = DefinitionDocument.model_json_schema(mode="validation")
    for model in _SPELLED:
        _spell(schema["$defs"][model.__name__], spellings(model))
    for document, kind in _DOCUMENTS.items():
        _spell(schema["$defs"][document.__name__], {"kind": "kind", **dict.fromkeys(SECTIONS[kind], kind)})
    return {"$schema": _DRAFT, **schema, "title": "octyseg definitions"}


def _spell(shape: dict[str, Any], accepted: dict[str, str]) -> None:
    """Let a key be written in each of its spellings, and a required one be there in any of them."""
    by_canonical: dict[str, list[str]] = {}
    for spelling, canonical in accepted.items():
        by_canonical.setdefault(canonical, []).append(spelling)
    properties = shape.get("properties", {})
    required = shape.pop("required", [])
    for key, described in properties.items():
        described.pop("title", None)
        if key not in required:
            properties[key] = _or_nothing(described)
    groups = [spelled for spelled in by_canonical.values() if set(spelled) & set(required)]
    if groups:
        shape["allOf"] = [{"anyOf": [{"required": [key]} for key in spelled]} for spelled in groups]
    for spelled in by_canonical.values():
        described = next(properties[key] for key in spelled if key in properties)
        properties.update(dict.fromkeys(spelled, described))


def _or_nothing(described: dict[str, Any]) -> dict[str, Any]:
    """The property, or the key without a value, which counts as absent."""
    nothing = {"type": "null"}
    if nothing in described.get("anyOf", []):
        return described
    around: dict[str, Any] = {key: described.pop(key) for key in ("description", "default") if key in described}
    return {"anyOf": [described, nothing], **around}


def main() -> None:
    """Print the schema."""
    json.dump(definition_schema(), sys.stdout, indent=2, ensure_ascii=False)
    sys.stdout.write("\n")


if __name__ == "__main__":
    main()
