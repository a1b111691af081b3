"""The schema that editors use is the one the models make, and knows every spelling of every key."""

import json
from pathlib import Path

import pytest

from octyseg.model.definitions.definition import SegmentDefinition
from octyseg.model.definitions.schema import definition_schema, main
from octyseg.model.definitions.spelling import spellings

KEPT = Path(__file__).parents[2] / "docs" / "schema" / "definitions.schema.json"


def test_the_schema_in_the_docs_is_the_one_the_models_make():
    assert json.loads(KEPT.read_text()) == definition_schema(), (
        "run python -m octyseg.model.definitions.schema > the file"
    )


def test_the_command_prints_what_is_kept(capsys):
    main()
    assert capsys.readouterr().out == KEPT.read_text()


def test_every_spelling_of_a_key_is_in_the_schema():
    shape = definition_schema()["$defs"]["SegmentDefinition"]
    assert set(shape["properties"]) == set(spellings(SegmentDefinition))
    assert {"required": ["segmentName"]} in shape["allOf"][0]["anyOf"]
    assert {"required": ["segment_name"]} in shape["allOf"][0]["anyOf"]


@pytest.mark.parametrize("model", ["SegmentDefinition", "EventStep", "EventTypeDefinition", "AccountConfiguration"])
def test_unknown_keys_are_unknown_to_the_schema_too(model):
    assert definition_schema()["$defs"][model]["additionalProperties"] is False
