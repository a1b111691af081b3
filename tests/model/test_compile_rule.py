"""The conditions of a dynamic segment as the engine reads them."""

from octyseg.model.definitions.compile import compile_definitions
from octyseg.model.definitions.reading.loading import read_definitions
from octyseg.model.ids import id_of_name
from octyseg.model.segment import Condition, Either, Every, InSegment, Negated, Performed

FILE = b"""
kind: eventTypes
eventTypeDefinitions:
  - {eventType: buy, eventProperties: [currency]}
---
kind: segments
segmentDefinitions:
  - segmentName: Big spender
    segmentType: static
  - segmentName: Tree
    segmentType: dynamic
    conditions:
      all:
        - {attribute: plan, operator: eq, value: gold}
        - {attribute: profile_data.seen, operator: within_last, value: {days: 3}}
        - any:
            - {performed: buy, eventProperties: {currency: EUR}, count: {atLeast: 2}, within: {hours: 1.5}}
            - performed: buy
              count: {exactly: 0}
              within: {between: ["2026-01-01T00:00:00Z", "2026-01-01T00:00:01+00:00"]}
            - {segment: Big spender, operator: not_in}
        - not: {performed: buy, count: {atMost: 4}}
        - {performed: buy}
"""


def test_a_tree_becomes_a_rule_with_spans_in_milliseconds_and_names_as_ids():
    segments = {segment.tag: segment for segment in compile_definitions(read_definitions(FILE, "test").segments)}
    start_ms = 1_767_225_600_000
    assert segments["Tree"].rule == Every(
        (
            Condition("plan", "eq", "gold"),
            Condition("profile_data.seen", "within_last", {"days": 3}),
            Either(
                (
                    Performed(0, "buy", {"currency": "EUR"}, 2, None, 5_400_000),
                    Performed(1, "buy", {}, 0, 0, None, (start_ms, start_ms + 1_000)),
                    InSegment(id_of_name("Big spender"), member=False),
                )
            ),
            Negated(Performed(2, "buy", {}, 0, 4)),
            Performed(3, "buy"),
        )
    )
    assert segments["Big spender"].rule is None
