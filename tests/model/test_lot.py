"""A lot says what its records say one by one, or nothing: whatever bytes stand beside each other."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from octyseg.model.lot import decode_lot
from octyseg.model.record import MAX_RECORD_BYTES, Event, decode, epoch_ms
from octyseg.model.structure import MAX_KEYS

TIME = "2026-11-21T10:11:12.123Z"


def event(**fields):
    return {"profile_id": "p1", "event_type": "login", "event_properties": {}, "created_at": TIME, **fields}


def line(document):
    return json.dumps(document, ensure_ascii=False).encode()


PLAIN = line(event())
FIELDS = st.fixed_dictionaries(
    {
        "profile_id": st.sampled_from(["p1", "p2", "é"]),
        "event_type": st.sampled_from(["login", "charged"]),
        "event_properties": st.dictionaries(
            st.sampled_from("abcde"),
            st.sampled_from([1, 2.5, True, None, "x", "ü", "},0,{", ":x", "x : y", "!:", "\\", "\t:"]),
            max_size=4,
        ),
        "created_at": st.just(TIME),
    },
    optional={"event_id": st.sampled_from(["e1", "e2"]), "type": st.just("event")},
)
PLAINS = FIELDS.flatmap(lambda fields: st.permutations(list(fields.items())).map(dict))

# What may pass for a part of a neighbour, or make up for what a neighbour lacks.
ODD = [
    None,
    b"",
    b" ",
    b"0",
    b"0,",
    b",",
    b"{}",
    b"null",
    b'"a"',
    b"\xef\xbb\xbf" + PLAIN,
    PLAIN + b" ",
    b"\n" + PLAIN,
    PLAIN + PLAIN,
    PLAIN + b",\n0," + PLAIN,
    PLAIN + b",\n0",
    b"0,\n" + PLAIN,
    b"[" + PLAIN,
    PLAIN + b"]",
    b"[" + PLAIN + b"]",
    PLAIN[:-1],
    PLAIN[-1:],
    PLAIN[:-2],
    b'"' + PLAIN,
    PLAIN + b'"',
    b'{"profile_id":"p1","event_type":"login","created_at":"' + TIME.encode() + b'","event_properties":{"a":"',
    b'"}}',
    line(event(event_properties={"a": "\n0,"})),
    line(event(event_properties={"a": 'quoted "text"'})),
    line(event(event_properties={"a": "\\u0022"})),
    line(event(event_properties={"a": {"b": 1}})),
    line(event(event_properties={"a": [1]})),
    line(event(event_properties={"a": 1})).replace(b"1", b'1,"a":1'),
    line(event(event_properties={"a": "b"})).replace(b'"b"', b'"b","a":"b"'),
    PLAIN.replace(b'"p1"', b'"p1","profile_id":"p1"'),
    line(event(stranger=1)),
    line(event(event_properties={"a": ":"})),
    line(event(event_properties={"a": 'b":c'})),
    line(event(event_properties={"a": "b : c"})),
    PLAIN.replace(b'"profile_id":', b'"profile_id"\n :'),
    PLAIN.replace(b'"profile_id":', b'"profile_id"\r:'),
    PLAIN.replace(b'"profile_id": "p1"', b'"profile_id"\t: "p1", "profile_id" :"p1"'),
    line(event(event_id=None)),
    line(event(event_id=7)),
    line(event(type="event")),
    line(event(type="profile")),
    line(event(type="erase")),
    line(event(created_at=None)),
    line(event(created_at=1_780_000_000_000)),
    line(event(created_at=17)),
    line(event(created_at=0)),
    line(event(created_at=-1)),
    line(event(created_at=10**14)),
    line(event(created_at=True)),
    line(event(created_at=1.78e12)),
    line(event(created_at=1.5)),
    line(event(created_at="2026-11-21T10:11:12")),
    line(event(created_at="2026-11-21T10:11:60Z")),
    line(event(created_at="1969-11-21T10:11:12Z")),
    line(event(profile_id="")),
    line(event(profile_id=" ")),
    line(event(profile_id=" p")),
    line(event(profile_id="null")),
    line(event(profile_id="p\n1")),
    line(event(profile_id="p\x7f")),
    line(event(profile_id="p" * 300)),
    line(event(event_type="")),
    line(event(event_type="x" * 61)),
    line({"profile_id": "p1", "event_type": "login"}),
    line({"profile_id": "p1", "event_properties": {}}),
    b'{"profile_id":"p1","event_type":"\xff","event_properties":{}}',
    b'{"profile_id":"p1","event_type":"login","event_properties":{"a":NaN}}',
    b'{"profile_id":"p1","event_type":"login","event_properties":{"a":1e400}}',
]
KEYS = st.sampled_from([None, b"", b"p1", b"p2", b"\xff"])


def key_of(value):
    """The key its producer should have given the record."""
    try:
        return str(json.loads(value)["profile_id"]).encode()
    except (ValueError, TypeError, KeyError):
        return b"p1"


def as_events(lot):
    """As `decode` gives them."""
    return [Event(**asdict(one)) for one in lot.events]


VALUES = st.lists(PLAINS.map(line) | st.sampled_from(ODD), min_size=1, max_size=5)


@given(VALUES, st.data())
def test_a_lot_says_what_its_records_say_or_nothing(values, data):
    keys = [key_of(value) for value in values]
    wrong = data.draw(st.none() | st.integers(0, len(values) - 1))
    if wrong is not None:
        keys[wrong] = data.draw(KEYS)
    lot = decode_lot(keys, values)
    alone = [decode(key, value) for key, value in zip(keys, values, strict=True)]
    if lot is not None:
        assert as_events(lot) == alone
        assert list(lot.event_types) == [one.event_type for one in alone]
        assert lot.latest_ms == max(epoch_ms(one.created_at, 0) for one in alone)


@given(st.lists(PLAINS, min_size=1, max_size=20), st.sampled_from([None, 1_780_000_000_000]))
def test_a_lot_of_plain_events_is_decoded(documents, at_ms):
    documents = [document | {"created_at": at_ms or document["created_at"]} for document in documents]
    values = [line(document) for document in documents]
    lot = decode_lot([document["profile_id"].encode() for document in documents], values)
    assert lot is not None
    assert as_events(lot) == [
        Event(**{**document, "created_at": at_ms or datetime(2026, 11, 21, 10, 11, 12, 123_000, UTC)})
        for document in documents
    ]


@pytest.mark.parametrize("first", ODD)
def test_no_two_records_make_up_for_each_other(first):
    for second in [*ODD, PLAIN]:
        keys = [key_of(first), key_of(second)]
        lot = decode_lot(keys, [first, second])
        if lot is not None:
            assert as_events(lot) == [decode(keys[0], first), decode(keys[1], second)]


def test_a_list_does_not_reach_over_a_seam():
    """Two records that are one, and one that is two: as many documents as records."""
    head, tail = line(event(event_properties={"a": [1, 2]})).split(b", 2")
    assert decode_lot([b"p1"] * 3, [head, b"2" + tail, PLAIN + b",\n0," + PLAIN]) is None


def test_one_odd_record_spoils_the_lot():
    good = [PLAIN] * 3
    for odd in ODD:
        alone = decode(b"p1", odd)
        if not isinstance(alone, Event) or not isinstance(alone.created_at, datetime):
            assert decode_lot([b"p1"] * 4, [*good, odd]) is None, odd


@pytest.mark.parametrize(
    "large",
    [
        event(event_properties={"a": "x" * MAX_RECORD_BYTES}),
        event(event_properties={f"k{n}": n for n in range(MAX_KEYS)}),
    ],
)
def test_a_lot_takes_no_record_that_is_too_large(large):
    assert decode_lot([b"p1", b"p1"], [PLAIN, line(large)]) is None


def test_a_lot_takes_no_key_that_is_not_the_id():
    assert decode_lot([b"p1", b"p2"], [PLAIN, PLAIN]) is None
    assert decode_lot([b"p1", None], [PLAIN, PLAIN]) is None
    assert decode_lot([b"p1\np1", b""], [PLAIN, PLAIN]) is None
