"""From written items to models, kind by kind: canonical keys, then the rules, then the shape.

Used by octyseg.model.definitions.reading.loading for one source at a time. An item with a problem gives no
model, and the others are read all the same; the list of problems it was given grows.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from pydantic import ValidationError

from octyseg.model.definitions.contents import known_event_types
from octyseg.model.definitions.definition import (
    AccountConfiguration,
    EventTypeDefinition,
    SegmentDefinition,
    WebhookEndpoint,
)
from octyseg.model.definitions.reading.documents import Item, Kind
from octyseg.model.definitions.reading.draft import Draft, place_of
from octyseg.model.definitions.reading.node import Node, described, plain
from octyseg.model.definitions.reading.problem import START, Place, Problem
from octyseg.model.definitions.reading.wording import shape_findings
from octyseg.model.definitions.rules import account as rules_account
from octyseg.model.definitions.rules import among as rules_among
from octyseg.model.definitions.rules.among import Among
from octyseg.model.definitions.rules.table import STRICT_WARNINGS, WARNINGS, Given, judge
from octyseg.model.definitions.shape import Shape
from octyseg.model.definitions.spelling import Finding, canonical

Model = TypeVar("Model", bound=Shape)
Judge = Callable[[Draft], Iterator[tuple[str, Finding]]]


class Reader:
    """Call read_event_types before read_segments, which must know them; the rest in any order."""

    def __init__(self, problems: list[Problem], items: list[Item]) -> None:
        self.problems = problems
        self.segments: dict[str, SegmentDefinition] = {}
        self.event_types: dict[str, EventTypeDefinition] = {}
        self.account: AccountConfiguration | None = None
        self.endpoints: dict[str, WebhookEndpoint] = {}
        self.places: dict[tuple[Kind, str], Place] = {}
        self._items = items

    def read_event_types(self) -> None:
        """Read every event type of the source."""
        for number, node in self._of("eventTypes"):
            name = _name(node, EventTypeDefinition, "event_type") or f"event type {number}"
            declared = self._read(node, EventTypeDefinition, name, _under("event_type", rules_account.event_type))
            self.places.setdefault(("eventTypes", name), node.place)
            if name in self.event_types:
                self._problem(node.place, name, "event_type", "this type is already declared above: keep one of them")
            elif declared:
                self.event_types[name] = declared

    def read_account(self) -> None:
        """Read the account's configuration, of which there is one."""
        for number, node in self._of("accountConfigurations"):
            rules = _under("account", rules_account.account)
            self.account = self._read(node, AccountConfiguration, "account", rules)
            if number > 1:
                self._problem(node.place, "account", "account", "the account is configured above already: keep one")

    def read_endpoints(self) -> None:
        """Read every endpoint of webhooks."""
        for number, node in self._of("webhookEndpoints"):
            name = _name(node, WebhookEndpoint, "name") or f"endpoint {number}"
            endpoint = self._read(node, WebhookEndpoint, name, _under("endpoint", rules_account.endpoint))
            if name in self.endpoints:
                self._problem(node.place, name, "endpoint", "this endpoint is defined above already: keep one of them")
            elif endpoint:
                self.endpoints[name] = endpoint

    def read_segments(
        self, min_exp_timeframe: float, event_types: Iterable[EventTypeDefinition], *, strict_catalog: bool
    ) -> None:
        """Read every segment of the source, and hold them against each other."""
        known = known_event_types(event_types, self.event_types.values())
        given = Given(min_exp_timeframe, known)
        warnings = STRICT_WARNINGS if strict_catalog else WARNINGS
        names: list[str] = []
        places: list[Place] = []
        for number, node in self._of("segments"):
            written = _name(node, SegmentDefinition, "segment_name")
            name = written or f"segment {number}"
            definition = self._read(node, SegmentDefinition, name, lambda draft: judge(draft, given), warnings)
            if written:
                names.append(written)
                places.append(node.place)
                self.places.setdefault(("segments", written), node.place)
            if definition:
                self.segments.setdefault(name, definition)
        for index, among in rules_among.v22(names):
            self._problem(places[index], *among)
        judged = frozenset(self.segments)
        self._among(rules_among.v23(self.segments, judged))
        self._among(rules_among.cycle(self.segments, judged))

    def hold_to_one(self) -> None:
        """Hold the source to what a create request may carry."""
        self._among(rules_among.v1(len(self._items)))

    def _read(
        self, node: Node, model: type[Model], name: str, rules: Judge, warnings: frozenset[str] = frozenset()
    ) -> Model | None:
        """The model of one item, or None when something is wrong with it."""
        if not isinstance(node.value, dict):
            self._problem(node.place, name, "shape", f"{described(node)} is no definition: write keys and values")
            return None
        tidy, strange = canonical(node, model)
        said = [("key", finding) for finding in strange]
        said += rules(Draft(tidy))
        value = None
        try:
            value = model.model_validate_json(json.dumps(plain(tidy)))
        except ValidationError as error:
            claimed = {path for _, (path, _) in said}
            said += (("shape", each) for each in shape_findings(error.errors(), tidy) if each[0] not in claimed)
        for rule, (path, text) in said:
            self.problems.append(Problem(place_of(tidy, path), name, rule, text, rule in warnings))
        return None if any(rule not in warnings for rule, _ in said) else value

    def _of(self, kind: Kind) -> Iterator[tuple[int, Node]]:
        """The items of a kind, counted from 1."""
        return enumerate((item.node for item in self._items if item.kind == kind), 1)

    def _among(self, found: Iterator[Among]) -> None:
        for name, rule, text in found:
            self._problem(self.places.get(("segments", name), START), name, rule, text)

    def _problem(self, place: Place, name: str, rule: str, text: str) -> None:
        self.problems.append(Problem(place, name, rule, text))


def _name(node: Node, model: type[Shape], key: str) -> str | None:
    """What the item calls itself, before anything else is known of it."""
    return Draft(canonical(node, model)[0]).text(key)


def _under(rule_id: str, rule: Callable[[Draft], Iterator[Finding]]) -> Judge:
    """One rule as all the rules of its kind."""
    return lambda draft: ((rule_id, finding) for finding in rule(draft))
