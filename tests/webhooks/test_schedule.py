from hypothesis import given
from hypothesis import strategies as st

from octyseg.webhooks.schedule import DELAYS_MS, MAX_ATTEMPTS, next_attempt_ms, retry_after_ms

CHANCES = st.floats(0, 1, exclude_max=True)
MINUTE = 60_000
HOUR = 60 * MINUTE


def test_the_table_is_five_seconds_to_a_day_and_ends_after_ten_attempts():
    waits = [next_attempt_ms(attempt, 0, chance=0.5) for attempt in range(1, MAX_ATTEMPTS)]
    assert waits == [
        5_000,
        5 * MINUTE,
        30 * MINUTE,
        2 * HOUR,
        5 * HOUR,
        10 * HOUR,
        14 * HOUR,
        20 * HOUR,
        24 * HOUR,
    ]
    assert MAX_ATTEMPTS == 10
    assert next_attempt_ms(10, 0, chance=0.5) is None


@given(st.integers(1, 9), CHANCES)
def test_jitter_stays_within_a_fifth(attempt, chance):
    wait = next_attempt_ms(attempt, 1_000, chance) - 1_000
    assert 0.8 * DELAYS_MS[attempt - 1] - 1 <= wait <= 1.2 * DELAYS_MS[attempt - 1] + 1


@given(st.integers(1, 9), CHANCES, st.floats(allow_nan=False))
def test_what_a_receiver_asks_for_is_kept_between_the_delay_and_twice_it(attempt, chance, asked):
    wait = next_attempt_ms(attempt, 0, chance, asked)
    assert DELAYS_MS[attempt - 1] <= wait <= 2 * DELAYS_MS[attempt - 1]
    if DELAYS_MS[attempt - 1] <= asked <= 2 * DELAYS_MS[attempt - 1]:
        assert abs(wait - asked) <= 1


def test_retry_after_is_read_as_seconds_or_as_a_date():
    assert retry_after_ms("7", 0) == 7_000
    assert retry_after_ms("Thu, 01 Jan 1970 00:01:00 GMT", 10_000) == 50_000
    assert retry_after_ms(None, 0) is None
    for nonsense in ("", "soon", "nan", "Thu, 99 Foo 1970", "\u0663\u0663\u0663 days"):
        assert retry_after_ms(nonsense, 0) is None


def test_shameless_demands_are_clamped():
    for demand, wait in (("-1", 5_000), ("9e99", 10_000), ("inf", 10_000), ("Mon, 01 Jan 2999 00:00:00 GMT", 10_000)):
        assert next_attempt_ms(1, 0, 0.5, retry_after_ms(demand, 0)) == wait


@given(st.text(max_size=40), st.integers(0, 2**42))
def test_no_header_of_a_receiver_breaks_anything(header, now_ms):
    asked = retry_after_ms(header, now_ms)
    assert 5_000 * 0.8 <= next_attempt_ms(1, 0, 0.0, asked) <= 10_000
