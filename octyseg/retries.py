"""Trying again what a service that is away for a while does not answer."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import stamina

_JITTER_S = 0.1

T = TypeVar("T")


async def retried(
    step: Callable[[], Awaitable[T]],
    may_pass: Callable[[Exception], bool],
    *,
    wait_initial_s: float,
    wait_max_s: float,
) -> T:
    """The step's result, however often it fails by what may pass, with waits that double; bound it from outside.

    Other errors come up at once.
    """
    try:
        return await step()
    except Exception as error:
        if not may_pass(error):
            raise
        failed: Exception | None = error
    # Only now: a context of retries leaves fifty objects in cycles, also where there was nothing to try again, and who
    # entered one for each chunk stood still for 100 ms every few seconds while Python collected them.
    async for attempt in stamina.retry_context(
        on=may_pass,
        attempts=None,
        timeout=None,
        wait_initial=wait_initial_s,
        wait_max=wait_max_s,
        wait_jitter=_JITTER_S,
    ):
        with attempt:
            if failed is not None:
                # Its first attempt has been made.
                first, failed = failed, None
                raise first
            return await step()
    raise AssertionError  # it goes on until it is cut off
