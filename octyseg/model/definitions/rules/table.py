"""The rules of a segment definition in one table: V1 to V23 are Octy's, the named ones are ours.

Most judge one definition and are asked here. V1, V22, V23 and `cycle` compare definitions with each
other: octyseg.model.rules_among. A rule answers with findings (a path and what to do), never by raising.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from octyseg.model.definitions.reading.draft import Draft
from octyseg.model.definitions.rules import catalog, conditions, segment, sequence
from octyseg.model.definitions.rules.catalog import EventTypes
from octyseg.model.definitions.spelling import Finding


class Given(NamedTuple):
    """What rules must know beyond the definition."""

    min_exp_timeframe: float
    event_types: EventTypes


Rule = Callable[[Draft, Given], Iterator[Finding]]


def _alone(rule: Callable[[Draft], Iterator[Finding]]) -> Rule:
    """A rule that needs nothing beyond the definition."""
    return lambda draft, _given: rule(draft)


RULES: dict[str, Rule] = {
    "V2": _alone(segment.v2),
    "V3": _alone(segment.v3),
    "V4": _alone(segment.v4),
    "V5": _alone(segment.v5),
    "V6": _alone(segment.v6),
    "V7": _alone(sequence.v7),
    "V8": lambda draft, given: sequence.v8(draft, given.min_exp_timeframe),
    "V9": _alone(sequence.v9),
    "V10": _alone(sequence.v10),
    "V11": _alone(sequence.v11),
    "V12": _alone(sequence.v12),
    "V13": _alone(sequence.v13),
    "V14": _alone(sequence.v14),
    "V15": _alone(sequence.v15),
    "V16": lambda draft, given: catalog.v16(draft, given.event_types),
    "V17": lambda draft, given: catalog.v17(draft, given.event_types),
    "V18": _alone(sequence.v18),
    "V19": _alone(sequence.v19),
    "V20": _alone(sequence.v20),
    "V21": _alone(segment.v21),
    "null": _alone(sequence.null),
    "event_type": _alone(catalog.event_type),
    "option": _alone(segment.option),
    "condition": _alone(conditions.condition),
}

# Rules whose breach is only worth a warning; under a strict catalog, V16 is none of them.
WARNINGS = frozenset({"V16", "null"})
STRICT_WARNINGS = frozenset({"null"})


def judge(draft: Draft, given: Given) -> Iterator[tuple[str, Finding]]:
    """Every finding of every rule, with the rule's id."""
    for rule_id, rule in RULES.items():
        for finding in rule(draft, given):
            yield rule_id, finding
