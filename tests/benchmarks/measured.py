"""One measurement: how many events in how many seconds of the clock and of the processor.

Made in the process that did the work, printed as one line of JSON, read by the process that runs all rows.
"""

import resource
import time
from typing import Any, Self

import msgspec
from msgspec import Struct


class Measured(Struct):
    """`cpu_s` is of the measuring process alone; `more` holds what only this row knows."""

    events: int
    seconds: float
    cpu_s: float
    begun_at_s: float = 0.0
    more: dict[str, Any] = {}

    @property
    def events_per_s(self) -> float:
        """By the clock."""
        return self.events / self.seconds

    @property
    def events_per_cpu_s(self) -> float:
        """What a processor that did nothing else would do."""
        return self.events / self.cpu_s if self.cpu_s else 0.0

    def line(self) -> bytes:
        """As JSON."""
        return msgspec.json.encode(self)

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Back from JSON."""
        return msgspec.json.decode(line, type=cls)


class Stopwatch:
    """Runs from its making to `stop`."""

    def __init__(self) -> None:
        self._at_s = time.time()
        self._begun_s = time.perf_counter()
        self._begun_cpu_s = time.process_time()

    def stop(self, events: int, **more: Any) -> Measured:
        """What was done since."""
        cpu_s = time.process_time() - self._begun_cpu_s
        return Measured(events, time.perf_counter() - self._begun_s, cpu_s, self._at_s, more)


def peak_mib() -> float:
    """The most memory this process ever had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
