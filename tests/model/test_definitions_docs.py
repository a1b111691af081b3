"""The reference of the definition file names every key, every operator and every rule, and its example holds."""

import re
from pathlib import Path
from typing import get_args

import pytest

from octyseg.model.definitions.conditions import Operator
from octyseg.model.definitions.definition import AccountConfiguration, EventStep, EventTypeDefinition, SegmentDefinition
from octyseg.model.definitions.rules.table import RULES
from octyseg.model.definitions.spelling import spellings
from tests.model.written import problems, read

REFERENCE = (Path(__file__).parents[2] / "docs" / "definitions.md").read_text()
NAMED_BY_READERS = ("V1", "V22", "V23", "syntax", "kind", "key", "shape", "cycle", "account")


@pytest.mark.parametrize("model", [SegmentDefinition, EventStep, EventTypeDefinition, AccountConfiguration])
def test_every_key_is_in_the_reference_in_one_of_its_spellings(model):
    accepted = spellings(model)
    for canonical in set(accepted.values()):
        assert any(f"`{spelling}`" in REFERENCE for spelling in accepted if accepted[spelling] == canonical), canonical


def test_every_operator_is_in_the_reference():
    assert [operator for operator in get_args(Operator) if f"`{operator}`" not in REFERENCE] == []


@pytest.mark.parametrize("rule", [*RULES, *NAMED_BY_READERS])
def test_every_rule_has_a_line_in_the_reference(rule):
    assert re.search(rf"^\| `?{rule}`? \| .+ \| .+ \| .+ \|$", REFERENCE, re.MULTILINE)


def test_the_files_of_the_reference_are_accepted():
    file, leaf, tree = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)
    assert read(file).account.webhook_url == "https://shop.example/hooks/segments"
    head = "kind: segments\nsegmentDefinitions:\n  - segmentName: a\n    segmentType: {}\n"
    assert read(head.format("dynamic") + tree.replace("\n", "\n    ").join(["    ", "\n"])).segments
    live = head.format("live") + "    segmentSubtype: 1\n    eventSequence: [{eventType: a, actionInaction: action}]\n"
    assert read(live + "    profileConditions:\n" + leaf.replace("\n", "\n    ").join(["    ", "\n"])).segments


def test_the_message_of_the_reference_is_one_the_program_says():
    file = re.findall(r"```yaml\n(.*?)```", REFERENCE, re.DOTALL)[0].replace("expTimeframe: 5", "expTimeframe: 3")
    (line,) = problems(file)
    assert line.split(": ", 1)[1] in REFERENCE
