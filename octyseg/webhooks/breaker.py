"""The breaker of one endpoint: ten failures in a row and it gets a rest, longer each time; five days and it is off.

Pure values: `after` gives the next state, `Breaker.turn` says what may be sent. While it is open nothing
is sent and nothing is lost: deliveries wait. When the rest is over one probe goes out, and its result decides.
"""

from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from octyseg.webhooks.schedule import DAY_MS, MINUTE_MS, SECOND_MS

FAILURES_TO_OPEN = 10
FIRST_REST_MS = 60 * SECOND_MS
LONGEST_REST_MS = 30 * MINUTE_MS
DISABLE_AFTER_MS = 5 * DAY_MS

Turn = Literal["any", "probe", "none"]


class Breaker(Struct, frozen=True):
    """What is known of an endpoint's health. `failing_since_ms` is None when the last attempt went well."""

    failures: int = 0
    rests: int = 0
    open_until_ms: int = 0
    failing_since_ms: int | None = None

    def turn(self, now_ms: int) -> Turn:
        """What may be sent now: anything, one probe, or nothing."""
        if self.rests == 0:
            return "any"
        return "probe" if now_ms >= self.open_until_ms else "none"

    def is_hopeless(self, now_ms: int) -> bool:
        """Whether it has failed for so long that it should be disabled."""
        return self.failing_since_ms is not None and now_ms - self.failing_since_ms >= DISABLE_AFTER_MS


CLOSED = Breaker()


def after(breaker: Breaker, *, success: bool, now_ms: int) -> Breaker:
    """The breaker after an attempt that ended now. Attempts begun before it opened do not lengthen the rest."""
    if success:
        return CLOSED
    since_ms = now_ms if breaker.failing_since_ms is None else breaker.failing_since_ms
    failed = replace(breaker, failures=breaker.failures + 1, failing_since_ms=since_ms)
    if failed.failures < FAILURES_TO_OPEN or breaker.turn(now_ms) == "none":
        return failed
    rest_ms = min(FIRST_REST_MS * 2**breaker.rests, LONGEST_REST_MS)
    return replace(failed, rests=min(breaker.rests + 1, 30), open_until_ms=now_ms + rest_ms)
