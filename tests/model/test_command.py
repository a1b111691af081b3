"""Commands as they stand on the topic: what is taken, and why the rest is refused."""

import pytest

from octyseg.model import command as commands
from octyseg.model.command import READY_KEY, Backfill, Membership, Performed, Ready, decode, encode, key_of

JOIN = Membership("ada", "segment_1", 1, member=True, reason="imported", as_of_ms=17, anchor="upload-1")


@pytest.mark.parametrize(
    "command",
    [
        JOIN,
        Membership("ada", "s", 2, False, "no_longer_matches", 1, "run", ("e1", "e2"), webhook=False),
        Backfill("ada", "s", 1, 40, (Performed(0, ((17, 3), (19, 5))), Performed(2, ()))),
        Ready("s", 3, 40, webhook=True),
    ],
)
def test_a_command_is_read_as_it_was_written(command):
    assert decode(key_of(command), encode(command)) == command


def test_what_need_not_be_said_has_a_default():
    value = (
        b'{"type": "membership", "profile_id": "ada", "segment_id": "segment_1", "version": 1, "member": true, '
        b'"reason": "imported", "as_of_ms": 17, "anchor": "upload-1"}'
    )
    assert decode(b"ada", value) == JOIN
    assert decode(READY_KEY, b'{"type": "ready", "segment_id": "s", "version": 1, "below_offset": 0}') == Ready(
        "s", 1, 0
    )


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (b"ada", None, "empty"),
        (b"ada", b"not json", "bad_json"),
        (b"ada", b"\xff", "bad_json"),
        (b"ada", b"[]", "bad_field"),
        (b"ada", b'{"type": "invite", "profile_id": "ada"}', "unknown_type"),
        (b"ada", b'{"profile_id": "ada"}', "unknown_type"),
        (b"ada", encode(JOIN).replace(b'"as_of_ms":17', b'"as_of_ms":"17"'), "bad_field"),
        (b"ada", encode(JOIN).replace(b"imported", b"because"), "bad_field"),
        (b"ada", encode(JOIN).replace(b'"version":1', b'"version":0'), "bad_field"),
        (None, encode(JOIN), "key_missing"),
        (b"bob", encode(JOIN), "key_mismatch"),
        (b"ada", encode(Ready("s", 1, 0)), "key_mismatch"),
        (b"a\tb", encode(JOIN).replace(b"ada", b"a\\tb"), "bad_profile_id"),
        (b"a" * 300, encode(JOIN).replace(b"ada", b"a" * 300), "bad_profile_id"),
        (b"ada", b" " * (commands.MAX_COMMAND_BYTES + 1), "too_large"),
    ],
)
def test_a_bad_command_is_refused_with_a_reason_and_what_to_do(key, value, reason):
    refusal = decode(key, value)
    assert refusal.reason == reason
    assert refusal.message
