"""What a file of definitions came to: segments, event types, the account, endpoints, warnings and places.

Made by octyseg.model.definitions.reading.loading once no rule is broken; asked by planning, replay and the CLI.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from octyseg.model.definitions.definition import (
    SYSTEM_EVENT_TYPES,
    AccountConfiguration,
    EventTypeDefinition,
    SegmentDefinition,
    WebhookEndpoint,
)
from octyseg.model.definitions.reading.documents import Kind
from octyseg.model.definitions.reading.problem import START, Place, Problem


@dataclass(frozen=True)
class Definitions:
    """The definitions of one source. `places` says where each segment and event type was written."""

    source: str
    segments: tuple[SegmentDefinition, ...] = ()
    event_types: tuple[EventTypeDefinition, ...] = ()
    account: AccountConfiguration | None = None
    endpoints: tuple[WebhookEndpoint, ...] = ()
    warnings: tuple[str, ...] = ()
    places: Mapping[tuple[Kind, str], Place] = field(default_factory=dict)

    def problem(self, kind: Kind, name: str, rule: str, text: str) -> str:
        """A problem that only shows beside other definitions, as a line of this source."""
        return Problem(self.places.get((kind, name), START), name, rule, text).shown(self.source)


def known_event_types(*sources: Iterable[EventTypeDefinition]) -> dict[str, frozenset[str]]:
    """The system's event types and those of the sources, of which a later one replaces an earlier.

    A declaration of a system type adds to the properties that the type always has.
    """
    known = {name: frozenset(properties) for name, properties in SYSTEM_EVENT_TYPES.items()}
    for source in sources:
        for declared in source:
            always = SYSTEM_EVENT_TYPES.get(declared.event_type, ())
            known[declared.event_type] = frozenset((*always, *declared.event_properties))
    return known
