"""Planning: what a file of definitions changes in what is defined already.

`plan` is declarative for the definitions of the file and leaves all others alone; a segment's identity
is its name. Nothing is written: Plan.records() goes to the definitions topic. Time and ids are
arguments. Deleting is planned in octyseg.model.deletion.
"""

from collections.abc import Iterable

from octyseg.model.definitions.contents import Definitions, known_event_types
from octyseg.model.definitions.definition import (
    AccountConfiguration,
    EventTypeDefinition,
    SegmentDefinition,
    WebhookEndpoint,
)
from octyseg.model.definitions.difference import differences
from octyseg.model.definitions.meaning import matching
from octyseg.model.definitions.plan import Plan, Planned
from octyseg.model.definitions.registry import DefinitionRecord, Registry
from octyseg.model.definitions.rules import among as rules_among
from octyseg.model.definitions.stored import (
    ACCOUNT_KEY,
    StoredAccount,
    StoredEndpoint,
    StoredEventType,
    StoredSegment,
    encoded,
    endpoint_key,
    event_type_key,
    segment_key,
)
from octyseg.model.ids import NewId


def plan(registry: Registry, desired: Definitions, *, now_ms: int, new_id: NewId, create_only: bool = False) -> Plan:
    """What applying the definitions would do. With `create_only`, as for create requests, no name may exist."""
    drawn = _Drawing(registry, desired, now_ms, new_id)
    for declared in desired.event_types:
        drawn.event_type(declared)
    for definition in desired.segments:
        drawn.segment(definition, create_only=create_only)
    if desired.account:
        drawn.account(desired.account)
    for endpoint in desired.endpoints:
        drawn.endpoint(endpoint)
    drawn.hold_together()
    return drawn.plan()


class _Drawing:
    """A plan while it is drawn: one call for each definition, then hold_together, then plan."""

    def __init__(self, registry: Registry, desired: Definitions, now_ms: int, new_id: NewId) -> None:
        self._registry = registry
        self._desired = desired
        self._now_ms = now_ms
        self._new_id = new_id
        self._ids = {segment.segment_id for segment in registry.history()}
        self._created: list[Planned] = []
        self._changed: list[Planned] = []
        self._unchanged: list[Planned] = []
        self._problems: list[str] = []
        self._appends: list[DefinitionRecord] = []

    def event_type(self, declared: EventTypeDefinition) -> None:
        """Declare an event type, or change its properties."""
        name = declared.event_type
        old = self._registry.event_type(name)
        fields = differences(old.definition, declared) if old else ()
        planned = Planned("event type", name, name, fields)
        created_at_ms = old.created_at_ms if old else self._now_ms
        new = StoredEventType(created_at_ms=created_at_ms, updated_at_ms=self._now_ms, definition=declared)
        self._note(planned, is_new=old is None, record=(event_type_key(name), encoded(new)))

    def account(self, configuration: AccountConfiguration) -> None:
        """Configure the account."""
        old = self._registry.account()
        fields = differences(old or AccountConfiguration(), configuration)
        new = StoredAccount(updated_at_ms=self._now_ms, definition=configuration)
        planned = Planned("account", "default", "default", fields if old else ())
        self._note(planned, is_new=old is None, record=(ACCOUNT_KEY, encoded(new)))

    def endpoint(self, definition: WebhookEndpoint) -> None:
        """Define an endpoint of webhooks, or change it."""
        name = definition.name
        old = self._registry.endpoint(name)
        fields = differences(old.definition, definition) if old else ()
        created_at_ms = old.created_at_ms if old else self._now_ms
        new = StoredEndpoint(created_at_ms=created_at_ms, updated_at_ms=self._now_ms, definition=definition)
        planned = Planned("webhook endpoint", name, name, fields)
        self._note(planned, is_new=old is None, record=(endpoint_key(name), encoded(new)))

    def segment(self, definition: SegmentDefinition, *, create_only: bool) -> None:
        """Create the segment, or make a new version of the one that has its name."""
        name = definition.segment_name
        named = self._registry.named(name)
        old = named[0] if named else None
        rivals = [segment.segment_id for segment in named if segment.status == "active"]
        if len(rivals) > 1:
            self._problem(name, "V22", f"{' and '.join(rivals)} both have this name: delete all but one by their ids")
        elif old is not None and old.status == "pending_deletion":
            text = "the segment of this name is being deleted: apply again once its tags are gone, or use another name"
            self._problem(name, "V22", text)
        elif old is not None and create_only:
            self._problem(name, "V22", f"{old.segment_id} has this name already: use another name")
        elif old is None:
            self._create(definition)
        else:
            self._edit(old, definition)

    def hold_together(self) -> None:
        """Hold the definitions of the file against all that would then be defined."""
        judged = frozenset(definition.segment_name for definition in self._desired.segments)
        defined = {segment.name: segment.definition for segment in self._registry.active()}
        defined |= {definition.segment_name: definition for definition in self._desired.segments}
        for name, rule, text in (*rules_among.v23(defined, judged), *rules_among.cycle(defined, judged)):
            self._problem(name, rule, text)
        for name in judged:
            for reference in rules_among.references(defined[name]):
                if reference not in defined:
                    text = f'there is no segment "{reference}": define it, or correct the name'
                    self._problem(name, "condition", text)
        self._keep_properties(segment for segment in self._registry.active() if segment.name not in judged)

    def plan(self) -> Plan:
        """The plan as far as it was drawn."""
        return Plan(
            created=tuple(self._created),
            changed=tuple(self._changed),
            unchanged=tuple(self._unchanged),
            problems=tuple(dict.fromkeys(self._problems)),
            warnings=self._desired.warnings,
            appends=tuple(self._appends),
        )

    def _create(self, definition: SegmentDefinition) -> None:
        segment_id = _unused(self._new_id, self._ids)
        self._ids.add(segment_id)
        new = StoredSegment(
            segment_id=segment_id,
            version=1,
            matching_since=1,
            created_at_ms=self._now_ms,
            updated_at_ms=self._now_ms,
            definition=definition,
        )
        planned = Planned("segment", definition.segment_name, segment_id)
        self._note(planned, is_new=True, record=(segment_key(segment_id), encoded(new)))

    def _edit(self, old: StoredSegment, definition: SegmentDefinition) -> None:
        version = old.version + 1
        same = matching(old.definition) == matching(definition)
        new = old.model_copy(
            update={
                "version": version,
                "matching_since": old.matching_since if same else version,
                "updated_at_ms": self._now_ms,
                "definition": definition,
            }
        )
        fields = differences(old.definition, definition)
        planned = Planned("segment", definition.segment_name, old.segment_id, fields)
        self._note(planned, is_new=False, record=(segment_key(old.segment_id), encoded(new)))

    def _keep_properties(self, others: Iterable[StoredSegment]) -> None:
        """No segment outside the file may lose a property that it asks for."""
        known = known_event_types(self._registry.declared(), self._desired.event_types)
        declared_here = {declared.event_type for declared in self._desired.event_types}
        for segment in others:
            for event_type, name in rules_among.asked_properties(segment.definition):
                if event_type in declared_here and name not in known[event_type]:
                    text = f'the segment "{segment.name}" asks for {name}: keep this property, or change it first'
                    self._problems.append(self._desired.problem("eventTypes", event_type, "V17", text))

    def _note(self, planned: Planned, *, is_new: bool, record: DefinitionRecord) -> None:
        if is_new:
            self._created.append(planned)
        elif planned.fields:
            self._changed.append(planned)
        else:
            self._unchanged.append(planned)
            return
        self._appends.append(record)

    def _problem(self, name: str, rule: str, text: str) -> None:
        self._problems.append(self._desired.problem("segments", name, rule, text))


def _unused(new_id: NewId, used: set[str]) -> str:
    """An id that no segment ever had."""
    for _ in range(1000):
        if (segment_id := new_id()) not in used:
            return segment_id
    message = "the maker of segment ids gives only ids that were used"
    raise AssertionError(message)
