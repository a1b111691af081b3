"""The catalogue of bad input: records that must be refused, one of each kind, whoever sends them."""

import time

from octyseg.log.port import NewRecord

GOOD = '"event_type":"login","event_properties":{}'


def bad_records():
    """Every one goes to the dead letters as it is."""
    return [
        *(NewRecord(b"ada", value) for value in _values()),
        NewRecord(None, f'{{"profile_id":"ada",{GOOD}}}'.encode()),
        NewRecord(b"ada", f'{{"profile_id":"bob",{GOOD}}}'.encode()),
        *(NewRecord(name.encode(), f'{{"profile_id":"{name}",{GOOD}}}'.encode()) for name in ("", "null", "undefined")),
        NewRecord(b"x" * 300, f'{{"profile_id":"{"x" * 300}",{GOOD}}}'.encode()),
    ]


def _values():
    many_keys = ",".join(f'"k{number}":1' for number in range(300))
    year_ahead_ms = time.time_ns() // 1_000_000 + 366 * 86_400_000
    yield from (None, b"")
    for text in (
        f'{{"profile_id":"ada",{GOOD}',
        f'{{"profile_id":"ada",{GOOD}}} trailing',
        f'{{"profile_id":"ada",{GOOD},"event_type":"login"}}',
        f'[{{"profile_id":"ada",{GOOD}}}]',
        '{"profile_id":"ada","event_type":"login","event_properties":{"a":NaN}}',
        '{"profile_id":"ada","event_type":"login","event_properties":{"a":1e400}}',
        '{"profile_id":"ada","event_type":"login","event_properties":{"a":' + "9" * 5_000 + "}}",
        '{"profile_id":"ada","event_type":"login","event_properties":{"a":' + "[" * 10_000 + "]" * 10_000 + "}}",
        '{"profile_id":"ada","event_type":"login","event_properties":{' + many_keys + "}}",
        '{"profile_id":"ada","event_type":"login","event_properties":{"a":"' + "x" * 40_000 + '"}}',
        '{"profile_id":"ada","event_type":"login","event_properties":[]}',
        '{"profile_id":"ada","type":"strange"}',
        '{"profile_id":"ada","event_type":"","event_properties":{}}',
        f'{{"profile_id":"ada",{GOOD},"created_at":0}}',
        f'{{"profile_id":"ada",{GOOD},"created_at":1700000000}}',
        f'{{"profile_id":"ada",{GOOD},"created_at":{year_ahead_ms}}}',
        f'{{"profile_id":"ada",{GOOD},"created_at":"2026-11-22T01:02:03"}}',
        f'{{"profile_id":"ada",{GOOD},"created_at":"10000-01-01T00:00:00Z"}}',
    ):
        yield text.encode()
    yield b'{"profile_id":"ada","event_type":"\xff","event_properties":{}}'
    yield b'{"profile_id":"ada","event_type":"\\ud800","event_properties":{}}'
