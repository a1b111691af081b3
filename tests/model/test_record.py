"""What a producer may say: every row of bad input with its verdict, and its neighbours that pass."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from octyseg.model.record import (
    MAX_RECORD_BYTES,
    Erase,
    Event,
    Merge,
    Profile,
    decode,
    epoch_ms,
)
from octyseg.model.refusal import Refusal
from octyseg.model.structure import MAX_KEYS
from tests.tries import tries

ARRIVAL_MS = 1_780_000_000_000


def event(**fields):
    return {"profile_id": "p1", "event_type": "login", "event_properties": {}, **fields}


def line(document):
    return json.dumps(document).encode()


def reason(value, key=b"p1"):
    found = decode(key, value)
    if isinstance(found, Refusal):
        assert found.message[0].islower() or found.message[0] in "'N-0123456789I"
        return found.reason
    at_ms = epoch_ms(found.created_at, ARRIVAL_MS)
    return at_ms.reason if isinstance(at_ms, Refusal) else None


def nested(depth):
    return line(event(event_properties={"a": 0})).replace(b"0}", b"[" * depth + b"]" * depth + b"}")


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        ("empty", None),
        ("empty", b""),
        ("too_large", line(event(event_properties={"a": "x" * MAX_RECORD_BYTES}))),
        ("not_utf8", b'{"profile_id":"p1","event_type":"\xff","event_properties":{}}'),
        ("bad_json", b'{"profile_id":"p1","event_type":"\\ud800","event_properties":{}}'),
        ("bad_json", b'{"profile_id":"p1","event_type":"login"'),
        ("bad_json", line(event()) + b" x"),
        ("bad_json", b"not json at all"),
        ("duplicate_key", b'{"profile_id":"p1","event_type":"login","event_properties":{"a":1,"a":2}}'),
        ("duplicate_key", b'{"profile_id":"p1","event_type":"login","event_type":"x","event_properties":{}}'),
        ("duplicate_key", b'{"profile_id":"p1","event_type":"login","event_properties":{"a":{"b":1,"b":1}}}'),
        ("duplicate_key", b'{"profile_id":"p1","profile_id" : "p1","event_type":"login","event_properties":{}}'),
        ("bad_number", b'{"profile_id":"p1","event_type":"login","event_properties":{"a":NaN}}'),
        ("bad_number", b'{"profile_id":"p1","event_type":"login","event_properties":{"a":-Infinity}}'),
        ("bad_number", b'{"profile_id":"p1","event_type":"login","event_properties":{"a":1e400}}'),
        ("bad_number", b'{"profile_id":"p1","event_type":"login","event_properties":{"a":' + b"9" * 5000 + b"}}"),
        ("too_deep", nested(15)),
        ("too_deep", nested(10_000)),
        ("too_many_keys", line(event(event_properties={f"k{n}": n for n in range(MAX_KEYS)}))),
        ("bad_field", line(event(event_properties=[]))),
        ("bad_field", line(event(event_properties=None))),
        ("bad_field", line([event()])),
        ("bad_field", b'"a string"'),
        ("bad_field", line({"profile_id": "p1", "event_properties": {}})),
        ("bad_field", line({"profile_id": "p1", "event_type": "login"})),
        ("bad_field", line(event(event_type=""))),
        ("bad_field", line(event(event_type="x" * 61))),
        ("bad_field", line(event(event_type=7))),
        ("bad_field", line(event(profile_id=7))),
        ("bad_field", line(event(event_id=7))),
        ("bad_field", line({"profile_id": "p1", "type": "profile", "status": 1})),
        ("bad_field", line({"profile_id": "p1", "type": "merge"})),
        ("unknown_type", line(event(type="wish"))),
        ("bad_time", line(event(created_at=0))),
        ("bad_time", line(event(created_at=-5))),
        ("bad_time", line(event(created_at=1_780_000_000))),
        ("bad_time", line(event(created_at=1_780_000_000_000_000))),
        ("bad_time", line(event(created_at="1969-12-31T23:59:59Z"))),
        ("bad_time", line(event(created_at="10000-01-01T00:00:00Z"))),
        ("bad_time", line(event(created_at="yesterday"))),
        ("no_zone", line(event(created_at="2026-11-21T10:11:12"))),
    ],
)
def test_a_bad_record_is_refused_with_its_reason(expected, value):
    assert reason(value) == expected


@pytest.mark.parametrize(
    ("expected", "key", "profile_id"),
    [
        ("key_missing", None, "p1"),
        ("key_mismatch", b"p2", "p1"),
        ("bad_profile_id", b"", ""),
        ("bad_profile_id", b"   ", "   "),
        ("bad_profile_id", b"null", "null"),
        ("bad_profile_id", b"undefined", "undefined"),
        ("bad_profile_id", ("x" * 257).encode(), "x" * 257),
        ("bad_profile_id", ("ä" * 129).encode(), "ä" * 129),
        ("bad_profile_id", b"a\nb", "a\nb"),
        ("bad_profile_id", b"a\x00b", "a\x00b"),
        ("bad_profile_id", "a\x85b".encode(), "a\x85b"),
        (None, b"p 1", "p 1"),
        (None, "jürgen@例え.jp".encode(), "jürgen@例え.jp"),
        (None, "x\u00a0y".encode(), "x\u00a0y"),
        (None, ("x" * 256).encode(), "x" * 256),
    ],
)
def test_who_a_record_is_about_must_be_clear(expected, key, profile_id):
    assert reason(line(event(profile_id=profile_id)), key) == expected


@pytest.mark.parametrize(
    "document",
    [
        event(),
        event(event_id="e1", type="event", created_at="2026-11-21T10:11:12.123Z"),
        event(created_at="2026-11-21T10:11:12+02:00"),
        event(created_at=1_780_000_000_123),
        event(created_at=None),
        event(event_type="nobody knows it"),
        event(context={"extra": [1, 2, {"deep": True}]}),
        event(event_properties={"big": 2**53 + 1, "text": "5", "none": None, "list": [1, [2]]}),
        event(event_properties={"quote": 'say "x": y', "colon": '":'}),
    ],
)
def test_a_good_record_is_taken_as_it_is(document):
    found = decode(b"p1", line(document))
    assert isinstance(found, Event)
    assert found.event_properties == document["event_properties"]


def test_a_field_we_do_not_know_cannot_hide_in_the_place_of_one_that_is_missing():
    hidden = b'{"profile_id":"p1","event_\xfftype":"login","event_properties":{},"type":"erase"}'
    assert decode(b"p1", hidden).reason == "not_utf8"


def test_spaces_in_the_json_change_nothing():
    spaced = b'{ "profile_id" : "p1" , "event_type" : "login" , "event_properties" : { "a" : 1 } }'
    found = decode(b"p1", spaced)
    assert isinstance(found, Event)
    assert found.event_properties == {"a": 1}


def test_a_byte_order_mark_is_forgiven():
    assert isinstance(decode(b"p1", b"\xef\xbb\xbf" + line(event())), Event)


@pytest.mark.parametrize("count", [2, 300, 600, 5_000])
def test_more_of_them_are_no_json_however_many_they_are(count):
    """As it was, a thousand of them ended whoever read the record, each time he read it."""
    assert decode(b"p1", b"\xef\xbb\xbf" * count + line(event())).reason == "bad_json"


def test_the_header_of_a_schema_registry_is_passed_over():
    found = decode(b"p1", b"\x00\x00\x00\x00\x07" + line(event()))
    assert isinstance(found, Event)
    assert found == decode(b"p1", line(event()))


@pytest.mark.parametrize(
    "value", [b"\x00", b"\x00\x00\x00\x00\x07", b"\x00\x00\x00\x00\x07\x02\x0aada", b"\x00\x00\x00\x00\x07" * 9 + b"{}"]
)
def test_what_follows_such_a_header_is_a_json_document_or_nothing(value):
    assert decode(b"p1", value).reason == "bad_json"


def test_a_key_that_is_json_itself_is_told_so():
    refusal = decode(b'"p1"', line(event()))
    assert (refusal.reason, "in quotation marks" in refusal.message) == ("key_mismatch", True)


def test_a_leap_second_makes_no_record_too_large():
    document = event(created_at="2016-12-31T23:59:60Z", event_properties={"text": "\u00e9" * 10_000})
    assert isinstance(decode(b"p1", json.dumps(document, ensure_ascii=False).encode()), Event)


def test_a_leap_second_is_the_last_millisecond_before_the_next_minute():
    found = decode(b"p1", line(event(created_at="2016-12-31T23:59:60.5Z")))
    assert isinstance(found, Event)
    assert epoch_ms(found.created_at, 0) == 1_483_228_799_999


def test_a_missing_time_is_the_arrival():
    assert epoch_ms(None, ARRIVAL_MS) == ARRIVAL_MS


def test_times_are_exact_to_the_millisecond():
    found = decode(b"p1", line(event(created_at="2026-11-21T10:11:12.1239Z")))
    assert isinstance(found, Event)
    assert epoch_ms(found.created_at, 0) == 1_795_255_872_123


@pytest.mark.parametrize(
    ("kind", "document"),
    [
        (Profile, {"profile_id": "p1", "type": "profile", "profile_data": {"plan": "gold", "old": None}}),
        (Merge, {"profile_id": "p1", "type": "merge", "into": "p2"}),
        (Erase, {"profile_id": "p1", "type": "erase"}),
    ],
)
def test_records_that_are_no_events_are_told_apart(kind, document):
    assert type(decode(b"p1", line(document))) is kind


PIECES = st.sampled_from(
    [
        *(bytes([one]) for one in b'{}[],:"\\9-\n \0\xff'),
        *(b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\0\0\0\0\1", b"1e400", b"NaN", b"null", b'"\\ud800"', b'{"a":'),
        *(b'"profile_id":"p1"', b'"event_type":"a"', b'"event_properties":{}', b'"type":"profile"'),
        *(b'"created_at":"2016-12-31T23:59:60Z"', b'"created_at":"9999-12-31T23:59:60-23:59"', line(event())),
    ]
)
REPEATED = st.tuples(PIECES, st.sampled_from([1, 1, 1, 2, 17, 700, 2_000])).map(lambda both: both[0] * both[1])


@tries(300)
@given(st.lists(REPEATED, max_size=8).map(b"".join))
def test_pieces_of_records_however_often_are_decoded_or_refused(value):
    found = decode(b"p1", value)
    assert isinstance(found, Event | Profile | Merge | Erase | Refusal)


@given(st.binary(max_size=200))
def test_no_bytes_make_it_fall_over(value):
    assert decode(b"p1", value) is not None


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=6), json_values, max_size=5), st.booleans())
def test_any_properties_within_the_limits_come_through_unchanged(properties, ascii_only):
    value = json.dumps(event(event_properties=properties), ensure_ascii=ascii_only).encode("utf-8", "surrogatepass")
    found = decode(b"p1", value)
    try:
        value.decode()
        json.dumps(properties, ensure_ascii=False).encode()
    except UnicodeError:
        assert isinstance(found, Refusal)
    else:
        assert isinstance(found, Event)
        assert found.event_properties == properties


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 10**30])
def test_attributes_hold_whole_numbers_that_a_state_can_hold(number):
    """As it was, whoever applied the record ended, each time it was read."""
    document = {"profile_id": "p1", "type": "profile", "profile_data": {"a": [{"id": number}]}}
    assert reason(line(document)) == "bad_number"
    document["profile_data"] = {"a": 2**64 - 1}
    assert isinstance(decode(b"p1", line(document)), Profile)
    assert isinstance(decode(b"p1", line(event(event_properties={"id": number}))), Event)
