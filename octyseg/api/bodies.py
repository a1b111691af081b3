"""Bodies that are read as they come, so that their errors can name a line: what the documentation says of them."""

from typing import Any

_SEGMENT: dict[str, Any] = {
    "type": "object",
    "description": "one segment; docs/definitions.md has every key",
    "required": ["segment_name", "segment_type"],
    "properties": {
        "segment_name": {"type": "string", "minLength": 1, "maxLength": 60},
        "segment_type": {"enum": ["live", "past", "dynamic", "static"]},
        "segment_sub_type": {"type": "integer", "minimum": 1, "maximum": 4},
        "segment_timeframe": {"type": "integer", "minimum": 0, "maximum": 365},
        "event_sequence": {"type": "array", "items": {"type": "object"}, "maxItems": 10},
        "profile_property_name": {"type": "string"},
        "profile_property_value": {},
        "conditions": {"type": "object"},
    },
}
_DEFINITIONS: dict[str, Any] = {
    "type": "object",
    "description": "a document of definitions, as in a file; docs/schema/definitions.schema.json has its schema",
}


def _body(schema: dict[str, Any], *kinds: str) -> dict[str, Any]:
    return {"requestBody": {"required": True, "content": {kind: {"schema": schema} for kind in kinds}}}


SEGMENT_BODY = _body(_SEGMENT, "application/json")
SEGMENTS_BODY = _body(_SEGMENT, "application/json", "application/yaml")
DEFINITIONS_BODY = _body(_DEFINITIONS, "application/json", "application/yaml")
