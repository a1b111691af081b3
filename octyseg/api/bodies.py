"""How bodies are read: as exactly as records are; and what the documentation says of those that routes read themselves.

Whatever lies beyond JSON, such as NaN, a number that no double holds or a key that stands twice, is refused here;
a lenient reader would have changed it to something that nobody sent.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

from octyseg.model.refusal import Refusal
from octyseg.model.structure import read_body


class _ExactRequest(Request):
    async def json(self) -> Any:
        """The body's document."""
        document = read_body(await self.body())
        if isinstance(document, Refusal):
            # What the framework lets pass; an error of our own it would hide.
            raise HTTPException(400, document.message)
        return document


class ExactRoute(APIRoute):
    """A route whose body is read exactly."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Have the body read so."""
        handle = super().get_route_handler()

        async def exactly(request: Request) -> Response:
            return await handle(_ExactRequest(request.scope, request.receive))

        return exactly


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
