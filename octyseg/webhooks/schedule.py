"""When a delivery is tried again: ten attempts over three days, with jitter, and what the receiver asks for.

Pure: time, chance and the receiver's words are arguments. Delays count from the end of the failed attempt.
"""

import math
from datetime import UTC
from email.utils import parsedate_to_datetime

SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

# After the first attempt, the second, and so on.
DELAYS_MS = (
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
)
MAX_ATTEMPTS = len(DELAYS_MS) + 1
JITTER = 0.2
# How far beyond the table a receiver may push the next attempt.
MAX_PATIENCE = 2


def next_attempt_ms(attempt: int, failed_at_ms: int, chance: float, retry_after_ms: float | None = None) -> int | None:
    """When to try again after failed attempt number `attempt` (from 1); None when that was the last.

    `chance` is in [0, 1). A `retry_after_ms` is kept as far as it lies between the table's delay and twice it.
    """
    assert attempt >= 1, "attempts are counted from 1"
    if attempt >= MAX_ATTEMPTS:
        return None
    delay_ms = DELAYS_MS[attempt - 1]
    if retry_after_ms is None:
        return failed_at_ms + round(delay_ms * (1 + JITTER * (2 * chance - 1)))
    return failed_at_ms + round(min(max(retry_after_ms, delay_ms), delay_ms * MAX_PATIENCE))


def retry_after_ms(header: str | None, now_ms: int) -> float | None:
    """What a Retry-After header asks for, from now on; None when it asks for nothing that can be understood."""
    if header is None:
        return None
    try:
        asked_ms = float(header) * SECOND_MS
    except ValueError:
        return _until_ms(header, now_ms)
    return None if math.isnan(asked_ms) else asked_ms


def _until_ms(header: str, now_ms: int) -> float | None:
    try:
        at = parsedate_to_datetime(header)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * SECOND_MS - now_ms
    except (ValueError, OverflowError):
        return None
