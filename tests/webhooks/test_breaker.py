from hypothesis import given
from hypothesis import strategies as st

from octyseg.webhooks.breaker import CLOSED, Breaker, after

SECOND = 1_000
DAY = 24 * 3600 * SECOND


def failed(times, at_ms=0, breaker=CLOSED):
    for _ in range(times):
        breaker = after(breaker, success=False, now_ms=at_ms)
    return breaker


def test_nine_failures_leave_it_closed_and_the_tenth_opens_it_for_a_minute():
    assert failed(9).turn(0) == "any"
    breaker = failed(10)
    assert breaker.turn(59 * SECOND) == "none"
    assert breaker.turn(60 * SECOND) == "probe"


def test_each_failed_probe_doubles_the_rest_up_to_half_an_hour():
    breaker, now_ms, rests = failed(10), 0, []
    for _ in range(8):
        rests.append((breaker.open_until_ms - now_ms) // SECOND)
        now_ms = breaker.open_until_ms
        breaker = after(breaker, success=False, now_ms=now_ms)
    assert rests == [60, 120, 240, 480, 960, 1800, 1800, 1800]


def test_one_success_closes_it():
    assert after(failed(25), success=True, now_ms=60 * SECOND) == CLOSED


def test_failures_of_attempts_that_were_under_way_do_not_lengthen_the_rest():
    opened = failed(10)
    assert failed(9, at_ms=SECOND, breaker=opened).open_until_ms == opened.open_until_ms


def test_it_is_hopeless_after_five_days_without_a_success():
    breaker = failed(1, at_ms=1_000)
    assert not breaker.is_hopeless(1_000 + 5 * DAY - 1)
    assert breaker.is_hopeless(1_000 + 5 * DAY)
    assert not Breaker().is_hopeless(10 * DAY)


@given(st.lists(st.tuples(st.booleans(), st.integers(0, DAY))))
def test_it_always_lets_something_through_within_half_an_hour(attempts):
    breaker, now_ms = CLOSED, 0
    for success, later_ms in attempts:
        now_ms += later_ms
        breaker = after(breaker, success=success, now_ms=now_ms)
    assert breaker.turn(now_ms + 1800 * SECOND) != "none"
