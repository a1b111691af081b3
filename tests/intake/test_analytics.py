"""Messages of analytics libraries, made into records."""

import json

import pytest

from octyseg.intake.analytics import records
from octyseg.intake.record import Refused

NOW_MS = 1_780_000_000_000
AT = "2026-05-28T20:26:40.000Z"  # that instant


def made(message, sent_at=None):
    found = records(message, sent_at, NOW_MS, "event-default")
    assert not isinstance(found, Refused), found
    return [(one.profile_id, json.loads(one.value)) for one in found]


def test_a_track_is_an_event():
    message = {"type": "track", "userId": "u", "event": "seen", "properties": {"a": 1}, "messageId": "m"}
    assert made(message) == [
        ("u", {"profile_id": "u", "event_type": "seen", "event_properties": {"a": 1}, "event_id": "m"}),
    ]


@pytest.mark.parametrize(
    ("ids", "profile_id"),
    [
        ({"userId": "u", "anonymousId": "a"}, "u"),
        ({"anonymousId": "a"}, "a"),
        ({"userId": 7}, "7"),
        ({"userId": ""}, None),
    ],
)
def test_whose_it_is(ids, profile_id):
    found = records({"type": "track", "event": "seen"} | ids, None, NOW_MS, "e")
    assert isinstance(found, Refused) if profile_id is None else found[0].profile_id == profile_id


@pytest.mark.parametrize(
    "where", [{"traits": {"plan": "gold"}}, {"context": {"traits": {"plan": "gold"}}}], ids=["segment", "rudderstack"]
)
def test_traits_are_profile_data(where):
    ((_, value),) = made({"type": "identify", "userId": "u"} | where)
    assert value == {"type": "profile", "profile_id": "u", "profile_data": {"plan": "gold"}}


def test_an_alias_merges_and_a_group_says_nothing():
    ((_, value),) = made({"type": "alias", "userId": "u", "previousId": "a"})
    assert value == {"type": "merge", "profile_id": "a", "into": "u"}
    assert made({"type": "group", "userId": "u", "groupId": "g"}) == []


@pytest.mark.parametrize(
    ("timestamp", "sent_at", "created_at"),
    [
        # The sender's clock is an hour ahead: what it says happened ten minutes before it sent, did.
        ("2026-05-28T21:16:40Z", "2026-05-28T21:26:40Z", "2026-05-28T20:16:40.000Z"),
        # An hour behind.
        ("2026-05-28T19:16:40Z", "2026-05-28T19:26:40Z", "2026-05-28T20:16:40.000Z"),
        # Less than a second is the way of the message.
        ("2026-05-28T20:16:40Z", "2026-05-28T20:26:39.500Z", "2026-05-28T20:16:40.000Z"),
        # What was sent late from a queue happened when it happened.
        ("2026-05-27T20:26:40Z", "2026-05-28T20:26:40Z", "2026-05-27T20:26:40.000Z"),
        ("2026-05-28T20:16:40Z", None, "2026-05-28T20:16:40Z"),
        ("2026-05-28T20:16:40Z", "yesterday", "2026-05-28T20:16:40Z"),
    ],
)
def test_clocks_are_put_right(timestamp, sent_at, created_at):
    ((_, value),) = made({"type": "track", "userId": "u", "event": "seen", "timestamp": timestamp}, sent_at)
    assert value["created_at"] == created_at


@pytest.mark.parametrize(
    "message",
    [
        {"type": "track", "userId": "u"},
        {"type": "track", "userId": "u", "event": ""},
        {"type": "track", "userId": "u", "event": "seen", "properties": [1]},
        {"type": "track", "userId": "u", "event": "seen", "timestamp": "yesterday"},
        {"type": "track", "userId": "u", "event": "seen", "timestamp": "9999-12-31T23:59:59Z"},
        {"type": "identify", "userId": "u", "traits": "gold"},
        {"type": "alias", "userId": "u"},
        {"type": "buy", "userId": "u"},
        {"userId": "u"},
        {"type": "track"},
    ],
)
def test_what_is_none_is_told(message):
    found = records(message, None, NOW_MS, "e")
    assert isinstance(found, Refused)
    assert found.text


@pytest.mark.parametrize(
    ("timestamp", "sent_at"),
    [
        ("0001-01-01T00:00:00+23:59", AT),
        ("9999-12-31T23:59:59Z", "2020-01-01T00:00:00Z"),
        (AT, "9999-12-31T23:59:59-23:59"),
    ],
)
def test_times_at_the_ends_of_the_calendar_are_answered_too(timestamp, sent_at):
    """As it was, the whole batch was answered as an error of the server, and sent again."""
    message = {"type": "track", "userId": "u", "event": "seen", "timestamp": timestamp}
    assert isinstance(records(message, sent_at, NOW_MS, "e"), Refused) == (timestamp != AT)
