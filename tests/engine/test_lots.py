"""What is decoded at once and what one by one: the same records in the same order, whatever they are like."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import asdict

from octyseg.engine import lots
from octyseg.engine.catalog import Catalog
from octyseg.engine.lots import LOT_RECORDS, LOTS_ALIKE, Lots
from octyseg.engine.partition import Partition
from octyseg.model.record import Event, decode
from tests.engine.story import RULES, START_MS, TOPIC, Writer, left_cart
from tests.tries import tries

KINDS = {
    "plain": {"event_properties": {"price": 3}},
    "late": {"created_at": "2023-11-14T22:13:19Z"},
    "list": {"event_properties": {"items": ["hat", "shoe"]}},
    "object": {"event_properties": {"sizes": {"hat": 7}}},
    "brace": {"event_properties": {"text": "{"}},
    "milliseconds": {"created_at": START_MS},
    "next year": {"created_at": "2024-11-14T22:13:20Z"},
    "before 1970": {"created_at": "1969-11-14T22:13:20Z"},
    "wanted": {"event_type": "add"},
    "wanted list": {"event_type": "add", "event_properties": {"items": []}},
    "bought": {"event_type": "buy"},
    "bad id": {"profile_id": ""},
    "stranger": {"stranger": 1},
    "profile": {"type": "profile", "profile_data": {"plan": "gold"}},
}
BYTES = [None, b"", b"{", b"[]", b'{"profile_id": "ada", "event_type": "add", "event_properties": {"a": 1, "a": 2}}']


def line(kind):
    event = {"profile_id": "ada", "event_type": "noise", "event_properties": {}, "created_at": "2023-11-14T22:13:20Z"}
    return json.dumps(event | KINDS[kind]).encode()


def written(values):
    write = Writer()
    return [write.record("ada", b"", place // 10)._replace(value=value) for place, value in enumerate(values)]


PLAIN = line("plain")
MOSTLY_PLAIN = st.lists(st.sampled_from([PLAIN] * 20 + [line(kind) for kind in KINDS] + BYTES), max_size=250)


@tries(200)
@given(MOSTLY_PLAIN)
def test_every_record_comes_once_and_in_order_and_is_what_it_says(values):
    records = written(values)
    found = list(Lots(RULES, None).of(iter(records)))
    assert [record for some in found for record in some.records] == records
    for some in found:
        if not some.events:
            continue
        assert list(some.arrivals) == [record.timestamp for record in some.records]
        both = zip(some.records, some.events, some.event_types, strict=True)
        for place, (record, event, event_type) in enumerate(both):
            if place in some.alone:
                assert (event, event_type) == (None, "")
            else:
                assert Event(**asdict(event)) == decode(record.key, record.value)
                assert event_type == event.event_type


@tries(200)
@given(st.lists(MOSTLY_PLAIN, min_size=1, max_size=3))
def test_it_does_not_matter_what_is_decoded_at_once(feeds):
    together, alone = (Partition(Catalog([left_cart()]), RULES) for _ in range(2))
    told = {"together": [], "alone": []}
    records = written(value for values in feeds for value in values)
    for record in records:
        told["alone"].append(alone.feed(TOPIC, [record]))
    for values in feeds:
        some, records = records[: len(values)], records[len(values) :]
        told["together"].append(together.feed(TOPIC, some))
    for name, decided in told.items():
        told[name] = (
            [change for one in decided for _, outcome in one.outcomes for change in outcome.changes],
            [(refused.record, refused.refusal) for one in decided for refused in one.refused],
            {
                count: total
                for count in ("unmatched", "matched")
                if (total := sum(one.counts[count] for one in decided))
            },
        )
    assert told["together"] == told["alone"]
    assert together.state_of("ada") == alone.state_of("ada")
    assert (together.clock_ms, together.next_due()) == (alone.clock_ms, alone.next_due())


@pytest.fixture
def asked(monkeypatch):
    """How many records were to be decoded at once, each time."""
    sizes = []

    def decoded(keys, values):
        sizes.append(len(values))
        return decode_lot(keys, values)

    decode_lot = lots.decode_lot
    monkeypatch.setattr(lots, "decode_lot", decoded)
    return sizes


def test_plain_records_are_decoded_at_once(asked):
    found = list(Lots(RULES, None).of(written([PLAIN] * 250)))
    assert asked == [LOT_RECORDS, LOT_RECORDS, 50]
    assert all(some.events and not some.alone for some in found)


@pytest.mark.parametrize("kind", ["list", "object"])
def test_records_that_show_more_at_a_glance_do_not_keep_the_others_from_it(asked, kind):
    values = ([PLAIN] * 49 + [line(kind)]) * 2 * (1 + LOTS_ALIKE)
    found = list(Lots(RULES, None).of(written(values)))
    assert all(list(some.alone) == [49, 99] for some in found)
    # The first is tried as a whole, and after so many apart the next one again.
    assert asked == [100] + [98] * LOTS_ALIKE + [100, 98]


def test_what_cannot_be_decoded_at_once_is_seldom_tried(asked):
    found = list(Lots(RULES, None).of(written([line("stranger")] * LOT_RECORDS * 100)))
    assert not any(some.events for some in found)
    assert len(asked) < 100 / LOTS_ALIKE * 2


def test_after_that_plain_records_are_decoded_at_once_again(asked):
    values = [line("stranger")] * LOT_RECORDS + [PLAIN] * LOT_RECORDS * (LOTS_ALIKE + 1)
    *_, last = Lots(RULES, None).of(written(values))
    assert last.events
    assert not last.alone


def test_few_records_are_not_worth_it(asked, monkeypatch):
    monkeypatch.setattr(lots, "LEAST_LOT", 8)
    (few,) = Lots(RULES, None).of(written([PLAIN] * 7))
    assert not few.events
    (many,) = Lots(RULES, None).of(written([PLAIN] * 8))
    assert many.events
    # Too few of them are plain.
    (mixed,) = Lots(RULES, None).of(written([PLAIN] * 7 + [line("list")] * 7))
    assert not mixed.events
    assert asked == [8, 14]
