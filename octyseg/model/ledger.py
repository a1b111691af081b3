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
    """One run. `as_of_ms` and `begun_ms` are None while it waits; `reports` has the slices accounted for."""

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
    reports: dict[int, Report] = {}

    @property
    def status(self) -> RunStatus:
        """Building until every slice is accounted for."""
        if self.ended_ms is None:
            return "building"
        return "ready" if all(one.became == "done" for one in self.reports.values()) else "failed"

    @property
    def waits(self) -> bool:
        """Whether another run of the segment has to end first."""
        return self.begun_ms is None

    @property
    def error(self) -> str | None:
        """What went wrong first, by slice."""
        return next((one.error for _, one in sorted(self.reports.items()) if one.error is not None), None)

    @property
    def is_void(self) -> bool:
        """Whether it failed only because its definition was edited or deleted meanwhile."""
        return self.status == "failed" and not any(one.became == "failed" for one in self.reports.values())

    def total(self, what: str) -> int:
        """Members, added or removed over all slices so far."""
        return sum(getattr(one, what) for one in self.reports.values())


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
        if run.waits or report.slice in run.reports or not 0 <= report.slice < self.slices:
            return None
        run.reports[report.slice] = report
        if len(run.reports) < self.slices:
            return None
        run.ended_ms = arrived_ms
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
