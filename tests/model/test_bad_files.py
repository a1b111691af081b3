"""Files that cannot be read: each is refused in a line with its place, and none of them harms the reader."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from octyseg.errors import DefinitionError, UsageError
from octyseg.model.definitions.conditions import FORMS, PerformedCondition, Within
from octyseg.model.definitions.definition import EventStep, SegmentDefinition
from octyseg.model.definitions.reading.documents import SECTIONS
from octyseg.model.definitions.reading.loading import load_definitions, read_definitions
from octyseg.model.definitions.spelling import spellings
from tests.model.written import LIVE_1, LIVE_2, changed, problems, read

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 20)
)
REFUSED = {
    "alias bomb": (BOMB, "5:25: syntax: too many values, aliases counted as written out: use at most 50,000"),
    "alias of itself": (
        "a: &a [*a]",
        "1:8: syntax: the alias *a names nothing that is complete here: write the value out",
    ),
    "python object": (
        "kind: !!python/object/apply:os.system [ls]",
        "1:7: syntax: tags such as tag:yaml.org,2002:python/object/apply:os.system are not read here: remove the tag",
    ),
    "any tag": (
        changed(LIVE_1, ("Fresh complaint", "!!str 5")),
        "3:18: syntax: tags such as tag:yaml.org,2002:str are not read here: remove the tag",
    ),
    "duplicate key": (
        changed(LIVE_1, ("    segmentTimeframe", "    segmentType: past\n    segmentTimeframe")),
        "6:5: syntax: the key segmentType is already in line 4: keep one of them",
    ),
    "merge key": (
        "kind: segments\nsegmentDefinitions:\n  - <<: {segmentName: a}\n",
        "3:5: syntax: merge keys (<<) are not read here: write the keys out",
    ),
    "list as key": ("? [a]\n: 1\n", "1:3: syntax: a key must be one word or text: write a list or block as a value"),
    "too deep": ("[" * 10_000, "1:33: syntax: nested too deeply: use at most 32 levels"),
    "tab as indentation": (
        "kind:\n\tsegments",
        (
            "2:1: syntax: found character '\\t' that cannot start any token: "
            "check the indentation, the colons and the quotes here"
        ),
    ),
    "control character": ("kind: \x00", "1:7: syntax: a character that cannot be printed: remove it"),
    "endless number": (
        changed(LIVE_1, ("expTimeframe: 0", "expTimeframe: .inf")),
        "9:23: syntax: .inf is not a number an event can carry: write a finite number, or put it in quotes",
    ),
    "number beyond a float": (
        changed(LIVE_1, ("expTimeframe: 0", "expTimeframe: 1e400")),
        "9:23: syntax: 1e400 is too large: write a smaller number",
    ),
    "integer of 5000 digits": (
        changed(LIVE_1, ("expTimeframe: 0", "expTimeframe: " + "9" * 5000)),
        "9:23: syntax: a number of 5000 digits is too long: write fewer digits, or put it in quotes",
    ),
    "integer beyond 64 bits": (
        changed(LIVE_1, ("expTimeframe: 0", f"expTimeframe: {2**63}")),
        "9:23: syntax: 9223372036854775808 does not fit in 64 bits: put it in quotes if it is an identifier",
    ),
    "nothing": ("", "1:1: kind: there are no definitions here: write at least one"),
    "comments only": ("# later\n", "1:1: kind: there are no definitions here: write at least one"),
    "unknown kind": (
        "kind: segment\n",
        "1:1: kind: unknown kind segment: write one of segments, eventTypes, accountConfigurations, webhookEndpoints",
    ),
    "kind of something else": (
        "kind: pushEndpoints\n",
        (
            "1:1: kind: unknown kind pushEndpoints: "
            "write one of segments, eventTypes, accountConfigurations, webhookEndpoints"
        ),
    ),
    "kind that is a list": (
        "kind: [segments]\n",
        "1:1: kind: unknown kind a list: write one of segments, eventTypes, accountConfigurations, webhookEndpoints",
    ),
    "definitions misspelt": (
        "kind: segments\nsegmentDefinition: []\n",
        "2:1: key: unknown key segmentDefinition: did you mean segmentDefinitions?",
    ),
    "definitions missing": (
        "kind: segments\n",
        "1:1: kind: segmentDefinitions is missing: write the definitions below it",
    ),
    "definitions empty": (
        "kind: segments\nsegmentDefinitions: []\n",
        "2:21: kind: an empty list instead of a list: write the definitions here, each after a dash",
    ),
    "no definition at all": (
        "hello: world\n",
        (
            "1:1: kind: a block of keys is no definition: begin with kind: and one of segments, eventTypes, "
            "accountConfigurations, webhookEndpoints"
        ),
    ),
    "a word for a definition": (
        "kind: segments\nsegmentDefinitions:\n  - later\n",
        '3:5: segment 1: shape: the text "later" is no definition: write keys and values',
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_cannot_be_read_is_refused_with_its_place(name):
    text, line = REFUSED[name]
    assert f"segments.yaml:{line}" in problems(text)


def test_bytes_that_are_not_utf_8_are_refused_at_the_first_of_them():
    with pytest.raises(DefinitionError) as refused:
        read_definitions(b"kind: segments\n# caf\xe9\n", "segments.yaml")
    assert refused.value.problems == ["segments.yaml:2:6: syntax: the file is not UTF-8: save it as UTF-8"]


def test_a_file_above_one_mebibyte_is_refused_unread():
    (line,) = problems("#" * (1024 * 1024 + 1))
    assert (
        line == "segments.yaml:1:1: syntax: the file has 1,048,577 bytes: split it, 1,048,576 is the most that is read"
    )


def test_a_byte_order_mark_is_passed_over():
    assert read_definitions(b"\xef\xbb\xbf" + LIVE_1.encode(), "segments.yaml").segments


def test_words_that_other_readers_take_for_something_else_stay_text():
    properties = "        eventProperties: {a: no, b: 1:30, c: on, d: 0123, e: 2026-05-18, f: 1_000, g: 0x1F, h: y}\n"
    text = changed(LIVE_1, ("eventType: complaint", "eventType: page")) + properties
    found = read(text).segments[0].event_sequence[0].event_properties
    assert list(found.values()) == ["no", "1:30", "on", "0123", "2026-05-18", "1_000", "0x1F", "y"]


def test_the_yaml_of_2005_is_read_as_the_yaml_of_today():
    text = "%YAML 1.1\n---\n" + changed(LIVE_1, ("Fresh complaint", "no"))
    assert read(text).segments[0].segment_name == "no"


def test_numbers_and_truth_values_are_what_they_look_like():
    properties = "        eventProperties: {a: 1, b: -1.5, c: true, d: 2e3, e: '1', f: 9007199254740993}\n"
    text = changed(LIVE_1, ("eventType: complaint", "eventType: page")) + properties
    found = read(text).segments[0].event_sequence[0].event_properties
    assert [repr(value) for value in found.values()] == ["1", "-1.5", "True", "2000.0", "'1'", "9007199254740993"]


def test_an_alias_stands_for_what_it_names():
    text = changed(
        LIVE_2,
        ("        eventProperties:\n          channel: phone\n", "        eventProperties: &p {channel: phone}\n"),
        ("eventType: charged", "eventType: complaint"),
        ("        expTimeframe: 0\n        actionInaction: inaction\n", "        actionInaction: inaction\n"),
    )
    line = (
        "segments.yaml:12:9: Left without paying: V20: event 2 has the type and properties of event 1: "
        "change or remove one of them"
    )
    assert problems(text + "        eventProperties: *p\n") == [line]


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines():
    text = changed(
        LIVE_2, ("segmentType: live", "segmentTyp: live"), ("expTimeframe: 5", "expTimeframe: x"), (": phone", ": [1]")
    )
    assert problems(text + "---\nkind: eventTypes\neventTypeDefinitions: [{eventType: 5}]\n") == [
        "segments.yaml:3:5: Left without paying: V2: segmentType is missing: write one of live, past, dynamic, static",
        "segments.yaml:4:5: Left without paying: key: unknown key segmentTyp: did you mean segmentType?",
        'segments.yaml:9:9: Left without paying: shape: expTimeframe is the text "x": write a number',
        (
            "segments.yaml:12:11: Left without paying: V18: channel has more than one value: compare it with one text, "
            "number, true or false"
        ),
        (
            "segments.yaml:18:25: event type 1: shape: eventType is the number 5: "
            "write text, in quotes if it looks like something else"
        ),
    ]


def test_what_a_file_holds_never_breaks_the_line_it_is_told_in():
    text = changed(LIVE_1, ("segmentType: live", r'segmentType: "li\nve\x1b[31m"'))
    line = r"segments.yaml:4:5: Fresh complaint: V2: segmentType is li\nve\x1b[31m: write one of live, past, dynamic, "
    assert problems(text) == [line + "static"]


def test_a_key_in_two_spellings_is_refused():
    text = changed(LIVE_1, ("    segmentTimeframe", "    sub_type: 1\n    segmentTimeframe"))
    line = "segments.yaml:6:5: Fresh complaint: key: sub_type and segmentSubtype are the same field: keep one of them"
    assert problems(text) == [line]


def test_a_path_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(UsageError, match=r"cannot read .*missing\.yaml: no such file or directory: name a file"):
        load_definitions(tmp_path / "missing.yaml")
    with pytest.raises(UsageError, match="is a directory"):
        load_definitions(tmp_path)


def test_a_file_is_read_from_its_path(tmp_path):
    path = tmp_path / "segments.yaml"
    path.write_text(changed(LIVE_1, ("segmentType: live", "segmentType: lve")))
    with pytest.raises(DefinitionError) as refused:
        load_definitions(path)
    assert refused.value.problems == [
        f"{path}:4:5: Fresh complaint: V2: segmentType is lve: write one of live, past, dynamic, static"
    ]


MODELS = (SegmentDefinition, EventStep, PerformedCondition, Within)
KEYS = sorted({key for model in MODELS for key in spellings(model)} | {*FORMS, *SECTIONS, "segmentDefinitions", "kind"})
WORDS = st.sampled_from([*KEYS, "operator", "value", "configurations", "live", "past", "inaction"])
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=6),
    max_leaves=20,
)


def read_or_refused(data, source):
    """How the reader answers: definitions, or the lines that refuse them."""
    try:
        return read_definitions(data, source), []
    except DefinitionError as refused:
        return None, refused.problems


@settings(deadline=None)
@given(tree=TREES)
def test_any_tree_is_read_or_refused_and_never_breaks_the_reader(tree):
    definitions, lines = read_or_refused(json.dumps(tree).encode(), "any.yaml")
    assert definitions or lines
    assert all(line.startswith("any.yaml:") for line in lines)


@settings(deadline=None)
@given(data=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_never_break_the_reader(data):
    definitions, lines = read_or_refused(data, "any")
    assert definitions or lines
