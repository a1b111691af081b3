"""The state of every run: the fold of the records on the ledger, in their order. Pure, the same for whoever folds.

    a demand      begins a run, unless one of the same segment is building: then it waits for that one's end,
                  or joins another that waits already and names no instant of its own
    a report      accounts for one slice; when all are accounted for, the run is ready or failed, and who
                  waited longest begins

So at most one run of a segment is building. A run that names no instant is as of its beginning, which is the
arrival of the record that let it begin. Repeats of any record change nothing.
"""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from octyseg.model.run import Demand, LedgerRecord, Ordered, Report, RunStatus, Trigger

# Ended runs that are remembered of each segment: a week of hourly ones.
ENDED_KEPT = 200


class Run(Struct, eq=False):
    """One run. `as_of_ms` and `begun_ms` are None while it waits.

    `accounted` has the slices that came to an end until all did, and of their reports stays what they come to:
    sums, how many failed or were void, and what went wrong first, by slice.
    """

    run_id: str
    segment_id: str
    version: int
    trigger: Trigger
    demanded_ms: int
    slices: int
    as_of_ms: int | None = None
    begun_ms: int | None = None
    ended_ms: int | None = None
    ordered: bool = False
    accounted: set[int] = set()
    members: int = 0
    added: int = 0
    removed: int = 0
    failed: int = 0
    void: int = 0
    first_error: tuple[int, str] | None = None

    @property
    def status(self) -> RunStatus:
        """Building until every slice is accounted for."""
        if self.ended_ms is None:
            return "building"
        return "failed" if self.failed or self.void else "ready"

    @property
    def slices_done(self) -> int:
        """How many slices came to an end."""
        return len(self.accounted) if self.ended_ms is None else self.slices

    @property
    def waits(self) -> bool:
        """Whether another run of the segment has to end first."""
        return self.begun_ms is None

    @property
    def error(self) -> str | None:
        """What went wrong first, by slice."""
        return None if self.first_error is None else self.first_error[1]

    @property
    def is_void(self) -> bool:
        """Whether it failed only because its definition was edited or deleted meanwhile."""
        return self.status == "failed" and not self.failed

    def account(self, report: Report) -> None:
        """Add what became of a slice."""
        self.accounted.add(report.slice)
        self.members += report.members
        self.added += report.added
        self.removed += report.removed
        self.failed += report.became == "failed"
        self.void += report.became == "void"
        if report.error is not None and (self.first_error is None or report.slice < self.first_error[0]):
            self.first_error = report.slice, report.error


class Ledger:
    """All runs there are records of; `slices` is the number of partitions."""

    def __init__(self, slices: int) -> None:
        self.slices = slices
        self._runs: dict[str, Run] = {}
        self._joined: dict[str, str] = {}
        # By segment: the run that is building, then those that wait.
        self._lines: dict[str, list[Run]] = {}
        self._ended: dict[str, list[Run]] = {}

    def take(self, record: LedgerRecord, arrived_ms: int) -> Run | None:
        """Apply one record; tells the run that it ended."""
        if isinstance(record, Demand):
            self._demanded(record, arrived_ms)
            return None
        run = self._runs.get(record.run_id)
        if run is None:
            return None
        if isinstance(record, Ordered):
            run.ordered = True
            return None
        return self._reported(run, record, arrived_ms)

    def run(self, run_id: str) -> Run | None:
        """The run of this id, or the one that a demand of this id joined."""
        return self._runs.get(self._joined.get(run_id, run_id))

    def runs(self) -> list[Run]:
        """Every run, the newest demand first."""
        return sorted(self._runs.values(), key=lambda run: run.demanded_ms, reverse=True)

    def of_segment(self, segment_id: str) -> Iterator[Run]:
        """The runs of a segment: those that wait, the one that is building, then ended ones, newest first."""
        yield from reversed(self._lines.get(segment_id, ()))
        yield from reversed(self._ended.get(segment_id, ()))

    def building(self) -> list[Run]:
        """The runs whose slices are to be carried out now."""
        return [line[0] for line in self._lines.values() if line]

    def was_ready(self, segment_id: str, since_version: int) -> Run | None:
        """The newest run that ended well under this version or a later one."""
        ended = reversed(self._ended.get(segment_id, ()))
        return next((run for run in ended if run.status == "ready" and run.version >= since_version), None)

    def segments(self) -> Iterable[str]:
        """The segments that have runs."""
        return self._lines.keys() | self._ended.keys()

    def _demanded(self, demand: Demand, arrived_ms: int) -> None:
        if self.run(demand.run_id) is not None:
            return
        line = self._lines.setdefault(demand.segment_id, [])
        joins = next((one for one in line[1:] if one.as_of_ms is None), None)
        if joins is not None and demand.as_of_ms is None:
            self._joined[demand.run_id] = joins.run_id
            joins.version = max(joins.version, demand.version)
            return
        run = Run(
            demand.run_id,
            demand.segment_id,
            demand.version,
            demand.trigger,
            arrived_ms,
            self.slices,
            as_of_ms=demand.as_of_ms,
        )
        self._runs[run.run_id] = run
        line.append(run)
        if line[0] is run:
            _begin(run, arrived_ms)

    def _reported(self, run: Run, report: Report, arrived_ms: int) -> Run | None:
        if run.waits or run.ended_ms is not None or report.slice in run.accounted:
            return None
        if not 0 <= report.slice < self.slices:
            return None
        run.account(report)
        if len(run.accounted) < self.slices:
            return None
        run.ended_ms = arrived_ms
        run.accounted.clear()
        line = self._lines[run.segment_id]
        line.pop(0)
        if line:
            _begin(line[0], arrived_ms)
        else:
            del self._lines[run.segment_id]
        ended = self._ended.setdefault(run.segment_id, [])
        ended.append(run)
        if len(ended) > ENDED_KEPT:
            self._forget(ended.pop(0))
        return run

    def _forget(self, run: Run) -> None:
        del self._runs[run.run_id]
        for joined in [one for one, into in self._joined.items() if into == run.run_id]:
            del self._joined[joined]


def _begin(run: Run, at_ms: int) -> None:
    run.begun_ms = at_ms
    if run.as_of_ms is None:
        run.as_of_ms = at_ms
