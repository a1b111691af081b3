"""The embedded log: every promise of the port on one SQLite file, for one machine and no service.

Several processes may have the file open. SQLite is called on two threads, one that writes and one
that reads, never on the event loop; appends that wait for each other share a transaction and so one
flush to the disk. What an append costs, where readers wake and what is kept is decided in the
modules beside this one; here is only who is asked.
"""

import asyncio
import sqlite3
import time as wall
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from os import PathLike, fspath
from typing import ParamSpec, TypeVar

from octyseg.errors import LogUnavailable, UsageError
from octyseg.log.embedded_catalogue import Catalogue
from octyseg.log.embedded_cleaning import Cleaning, Plan, note_newest
from octyseg.log.embedded_errors import translated
from octyseg.log.embedded_file import TimeMode, ask_often, connect, prepare
from octyseg.log.embedded_reader import EmbeddedReader, Watch
from octyseg.log.embedded_reading import Fetched, Place, Reading
from octyseg.log.embedded_writing import Append, Writing
from octyseg.log.port import Appended, NewRecord, TopicSpec

P = ParamSpec("P")
T = TypeVar("T")

_GROUP_RECORDS = 20_000
_DAY_MS = 86_400_000


def wall_clock_ms() -> int:
    """The machine's clock in epoch milliseconds."""
    return wall.time_ns() // 1_000_000


class EmbeddedLog:
    """One open log file; `start` before anything else, `close` at the end.

    With time "wall" a record arrives at the time of `clock`. With time "events" the log has no clock
    but what is appended: appends may give the time of each record, and one that does not arrives
    together with the newest record of the log. A file keeps the mode it was made with; None asks for that.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        *,
        clock: Callable[[], int] = wall_clock_ms,
        time: TimeMode | None = "wall",
        busy_timeout_s: float = 30.0,
    ) -> None:
        self._path = fspath(path)
        self._clock = clock
        self._asked_time = time
        self._time: TimeMode = time or "wall"
        self._busy_timeout_s = busy_timeout_s
        self._open = False
        self._appends: list[tuple[Append, asyncio.Future[dict[int, Appended]]]] = []
        self._draining: asyncio.Task[None] | None = None
        self._watch = Watch(self._version, self._ends_of)

    @property
    def time(self) -> TimeMode:
        """How the log keeps time; after `start` the file is known to agree."""
        return self._time

    async def start(self) -> None:
        """Open the file, make it when it is not there."""
        self._writer = ThreadPoolExecutor(1, "octyseg-log-write")
        self._reader = ThreadPoolExecutor(1, "octyseg-log-read")
        self._connections: list[sqlite3.Connection] = []
        self._open = True
        catalogue = Catalogue(self._path)
        try:
            writing = await self._on(self._writer, self._connect)
            self._time = await self._on(
                self._writer, prepare, writing, self._path, self._asked_time, self._busy_timeout_s
            )
            await self._on(self._writer, ask_often, writing)
            reading = await self._on(self._reader, self._connect)
        except BaseException:
            await self.close()
            raise
        file = (writing, self._path, catalogue, self._busy_timeout_s)
        self._writing = Writing(*file, clock=self._clock, time=self._time)
        self._cleaning = Cleaning(*file)
        self._reading = Reading(reading, self._path, catalogue)

    async def close(self) -> None:
        """Finish the appends under way and let go of the file."""
        if not self._open:
            return
        if self._draining is not None:
            await asyncio.wait([self._draining])
        await self._watch.close()
        self._open = False
        for executor in (self._writer, self._reader):
            await asyncio.to_thread(executor.shutdown)
        for connection in self._connections:
            await asyncio.to_thread(connection.close)

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make what is missing; returns the names made."""
        return await self._on(self._writer, self._writing.create_topics, list(specs))

    async def describe_topics(self) -> list[TopicSpec]:
        """The topics there are, sorted by name."""
        return await self._on(self._reader, self._reading.specs)

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return (await self._on(self._reader, self._reading.spec, topic)).partitions

    async def append(
        self, topic: str, partition: int, records: Sequence[NewRecord], timestamps_ms: Sequence[int] | None = None
    ) -> Appended:
        """Append all in order to one partition; times of arrival may be given where the log keeps time by events."""
        given = None if timestamps_ms is None else {partition: timestamps_ms}
        return (await self.append_many(topic, {partition: records}, given))[partition]

    async def append_many(
        self,
        topic: str,
        records: Mapping[int, Sequence[NewRecord]],
        timestamps_ms: Mapping[int, Sequence[int]] | None = None,
    ) -> dict[int, Appended]:
        """Append to several partitions of a topic at once: a reader sees all of it or nothing."""
        assert records, "an append names at least one partition"
        assert all(records.values()), "an append holds at least one record"
        if timestamps_ms is not None and self._time == "wall":
            msg = f"log file {self._path} sets the time of arrival itself: open it with time 'events' to give times"
            raise UsageError(msg)
        answer: asyncio.Future[dict[int, Appended]] = asyncio.get_running_loop().create_future()
        self._appends.append((Append(topic, records, timestamps_ms), answer))
        if self._draining is None:
            self._draining = asyncio.create_task(self._drain())
        return await answer

    async def ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """End offset of each partition."""
        ends = await self._ends_of([(topic, number) for number in partitions])
        return {number: end for (_, number), end in ends.items()}

    async def ends_as_of(
        self, topics: Sequence[str], partitions: Sequence[int]
    ) -> tuple[int, dict[tuple[str, int], int]]:
        """The log's time and the ends; whatever is appended later arrives no earlier than that time."""
        return await self._on(self._writer, self._writing.ends_as_of, topics, partitions)

    async def now_ms(self) -> int:
        """The log's time: the clock but never behind the newest record, or that record's time where events set it."""
        last_ms = await self._on(self._reader, self._reading.last_ms)
        return max(self._clock(), last_ms) if self._time == "wall" else last_ms

    async def starts(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Lowest offset that retention left."""
        marks = await self._on(self._reader, self._reading.marks, [(topic, number) for number in partitions])
        return {number: mark.start_offset for (_, number), mark in marks.items()}

    async def committed(self, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int | None]:
        """The committed offset, None where the group has none."""
        return await self._on(self._reader, self._reading.committed, group, topic, partitions)

    async def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Remember where the group goes on."""
        await self._on(self._writer, self._writing.commit, group, topic, dict(offsets))

    def reader(self) -> EmbeddedReader:
        """A reader without partitions."""
        return EmbeddedReader(self._fetch, self._watch)

    async def retain(self) -> int:
        """Drop batches older than their topic's retention; returns how many records went. Its owner calls it."""
        now = await self.now_ms()
        gone = 0
        for spec in await self.describe_topics():
            if spec.compacted or spec.retention_ms < 0:
                continue
            for number in range(spec.partitions):
                step = (spec.name, number, now - spec.retention_ms)
                while dropped := await self._on(self._writer, self._cleaning.retain_step, *step):
                    gone += dropped
        return gone

    async def compact(self, *, min_dirty_ratio: float = 0.5, tombstone_retention_ms: int = _DAY_MS) -> int:
        """Keep the newest record of each key in compacted topics; returns how many records went.

        A partition is left alone while the share of records that came since the last time is below
        `min_dirty_ratio`. Tombstones stay for `tombstone_retention_ms`, so that slow readers see them.
        """
        horizon_ms = await self.now_ms() - tombstone_retention_ms
        gone = 0
        for spec in await self.describe_topics():
            if spec.compacted:
                places = [(spec.name, number) for number in range(spec.partitions)]
                marks = await self._on(self._reader, self._reading.marks, places)
                for place, mark in marks.items():
                    dirty = mark.next_offset - mark.compacted_to
                    if dirty >= min_dirty_ratio * (dirty + mark.kept) and mark.next_offset > mark.start_offset:
                        gone += await self._compact(place, mark.start_offset, horizon_ms)
        return gone

    async def _compact(self, place: Place, start: int, horizon_ms: int) -> int:
        plan = Plan({}, start, horizon_ms)
        while rows := await self._on(self._reader, self._reading.rows, place, plan.stop):
            await self._on(self._reader, note_newest, plan.newest, rows)
            plan = plan._replace(stop=rows[-1].next_offset)
        position, kept, gone = start, 0, 0
        while position < plan.stop:
            position, staying, going = await self._on(self._writer, self._cleaning.compact_step, *place, position, plan)
            kept += staying
            gone += going
        await self._on(self._writer, self._cleaning.compacted, *place, plan.stop, kept)
        return gone

    async def _drain(self) -> None:
        """Append what waits, as one transaction, until nothing waits."""
        while self._appends:
            group = self._next_group()
            answers: Sequence[dict[int, Appended] | Exception]
            try:
                answers = await self._on(self._writer, self._writing.append, [append for append, _ in group])
            except Exception as failure:  # noqa: BLE001 - every append of the group failed, and each caller is told
                answers = [failure] * len(group)
            ends = {}
            for (append, future), answer in zip(group, answers, strict=True):
                if isinstance(answer, dict):
                    ends.update({(append.topic, number): done.next_offset for number, done in answer.items()})
                    if not future.done():
                        future.set_result(answer)
                elif not future.done():
                    future.set_exception(answer)
            self._watch.moved(ends)
        self._draining = None

    def _next_group(self) -> list[tuple[Append, asyncio.Future[dict[int, Appended]]]]:
        count = size = 0
        for append, _ in self._appends:
            size += sum(map(len, append.records.values()))
            count += 1
            if size >= _GROUP_RECORDS:
                break
        group, self._appends = self._appends[:count], self._appends[count:]
        return group

    async def _fetch(self, positions: Sequence[tuple[Place, int]]) -> Fetched:
        return await self._on(self._reader, self._reading.fetch, positions)

    async def _version(self) -> int:
        return await self._on(self._reader, self._reading.version)

    async def _ends_of(self, places: Collection[Place]) -> dict[Place, int]:
        marks = await self._on(self._reader, self._reading.marks, list(places))
        return {place: mark.next_offset for place, mark in marks.items()}

    def _connect(self) -> sqlite3.Connection:
        connection = connect(self._path, self._busy_timeout_s)
        self._connections.append(connection)
        return connection

    async def _on(self, thread: ThreadPoolExecutor, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask on the thread; what SQLite raises there comes back as an error of the house."""
        if not self._open:
            msg = f"log file {self._path} is closed: start the log first"
            raise LogUnavailable(msg)

        def asked() -> T:
            with translated(self._path):
                return ask(*args, **kwargs)

        return await asyncio.get_running_loop().run_in_executor(thread, asked)
