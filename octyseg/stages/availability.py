"""Waiting for what a stage cannot go on without: try again until it is back, and say so once when it goes and comes.

Redis, or the disk that history is on. Nothing is lost meanwhile: what was not written is not committed, or is read
again.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from prometheus_client import Gauge

from octyseg import logs
from octyseg.errors import ProjectionUnavailable, Unavailable
from octyseg.retries import retried

WAIT_MAX_S = 5.0
_WAIT_INITIAL_S = 0.1

_logger = logs.get(__name__)

T = TypeVar("T")


class Availability:
    """One per stage; `what` is missed while `service` is away, which `absence` tells, and `gauge` is 0 then."""

    def __init__(
        self,
        what: str,
        gauge: Gauge,
        wait_max_s: float = WAIT_MAX_S,
        *,
        service: str = "redis",
        absence: type[Unavailable] = ProjectionUnavailable,
    ) -> None:
        self._what = what
        self._gauge = gauge
        self._wait_max_s = wait_max_s
        self._gone, self._back = f"{service} unavailable, waiting", f"{service} available again"
        self._absence = absence
        self._available = True
        # A stage without partitions has no reason to ask: nothing is amiss then.
        gauge.set(1)

    async def until(self, step: Callable[[], Awaitable[T]]) -> T:
        """The step's result, however long that takes."""

        async def tried() -> T:
            try:
                result = await step()
            except self._absence as error:
                self.told(error)
                raise
            self.told(None)
            return result

        return await retried(tried, self._is_absence, wait_initial_s=_WAIT_INITIAL_S, wait_max_s=self._wait_max_s)

    def told(self, error: Unavailable | None) -> None:
        """It answered, or it did not."""
        self._gauge.set(error is None)
        if error is not None and self._available:
            _logger.warning(self._gone, what=self._what, error=str(error))
        elif error is None and not self._available:
            _logger.info(self._back, what=self._what)
        self._available = error is None

    def _is_absence(self, error: Exception) -> bool:
        return isinstance(error, self._absence)
