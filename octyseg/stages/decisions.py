"""What the engine decided about one chunk, feed by feed, as the records to write.

Each feed is encoded as soon as it is decided: what it made is still in the processor's cache then, and
nothing but bytes is kept until the whole chunk is written.
"""

from collections import Counter

from octyseg import metrics
from octyseg.engine.decision import Decided, Refused
from octyseg.log.port import NewRecord
from octyseg.model.command import HandedOn
from octyseg.model.outcome import encode


class Decisions:
    """`outcomes` as records in the order of the decisions, `refused` records, commands to be `sent` after them."""

    def __init__(self) -> None:
        self.outcomes: list[NewRecord] = []
        self.refused: list[Refused] = []
        self.sent: list[HandedOn] = []
        self._counts: Counter[str] = Counter()
        self._changes: Counter[tuple[str, str]] = Counter()

    def add(self, decided: Decided) -> None:
        """What one more feed, or a tick, came to."""
        for profile_id, outcome in decided.outcomes:
            self.outcomes.append(NewRecord(profile_id.encode(), encode(outcome)))
            if outcome.changes:
                self._changes.update((change.kind, change.reason) for change in outcome.changes)
        self._counts.update(decided.counts)
        if decided.refused:
            self.refused += decided.refused
            self._counts["refused"] += len(decided.refused)
        self.sent += decided.sent

    def tell(self, stage: str) -> None:
        """Count for the operator, under the stage's name, what was not counted yet."""
        for name, count in self._counts.items():
            metrics.events(stage, name).inc(count)
        for (kind, reason), count in self._changes.items():
            metrics.changes(kind, reason).inc(count)
        self._counts.clear()
        self._changes.clear()
