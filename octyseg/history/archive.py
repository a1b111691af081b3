"""One partition's history on disk: Parquet files by the day of the event, each for a range of offsets.

    2026-11-27/<first>-<last>.parquet   rows of events, see octyseg.history.rows
    people/<first>-<last>.parquet       the other records, as they came
    reached                             the offset up to which all of it is there
    owner                               a word that whoever opened it last has made up

A write puts its files in place one by one and moves `reached` on last. What lies beyond it was cut off by a
crash and goes at the next opening; what lies inside another file's range was compacted into that one, and stays
for a while. So readers and a writer need nothing from each other, and whatever is written again replaces itself.

A writer that stood still while its partition went to another finds another word in `owner`, or what it had
prepared swept up, and writes nothing: their ranges would overlap, and rows count twice.

A reader looks at `reached` once and tells every question of one answer: a writer that moves on in between would
have it count records twice that it reads behind `reached` too, or see a compacted file that reaches too far.
"""

import re
import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from octyseg.engine.decision import Record
from octyseg.errors import Fenced, HistoryUnavailable, SettingsError
from octyseg.history.files import (
    compactable,
    complete,
    drop_compacted,
    files_in,
    merge,
    noted,
    prepared,
    put,
    settle,
    standing,
    writing,
)
from octyseg.history.people import People
from octyseg.history.rows import Row, row_of, table_of
from octyseg.history.source import History, of_files
from octyseg.model.placement import Place
from octyseg.model.record import Erase, Event, decode, epoch_ms
from octyseg.model.refusal import Refusal

PEOPLE = "people"
_OWNER, _REACHED = "owner", "reached"
PEOPLE_SCHEMA = pa.schema(
    [("profile_id", pa.string()), ("at_ms", pa.int64()), ("place", pa.int64()), ("record", pa.binary())]
)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

Pass = Callable[[str], None]


class Told(NamedTuple):
    """A record that is no event, in the order of the columns."""

    profile_id: str
    at_ms: int
    place: int
    record: bytes

    @property
    def is_erasure(self) -> bool:
        """Whether everything about the profile is to be forgotten."""
        return isinstance(decode(self.profile_id.encode(), self.record), Erase)

    def to(self, people: People) -> None:
        """Tell it."""
        record = decode(self.profile_id.encode(), self.record)
        assert not isinstance(record, Refusal | Event), "it was admitted once"
        people.tell(record, self.at_ms, self.place)


def admitted(record: Record, place: Place, future_ms: int) -> Row | Told | None:
    """The record of a partition as history has it; None for what the live stage refuses."""
    read = decode(record.key, record.value)
    if isinstance(read, Refusal) or place.refusal(read.profile_id.encode()) is not None:
        return None
    at_ms = epoch_ms(read.created_at, record.timestamp)
    if isinstance(at_ms, Refusal) or at_ms > record.timestamp + future_ms:
        return None
    if isinstance(read, Event):
        return row_of(read, at_ms, record.offset)
    assert record.value is not None
    return Told(read.profile_id, at_ms, record.offset, record.value)


class Reached(msgspec.Struct):
    """All records below `offset` are there."""

    offset: int = 0


class Archive:
    """The writing and the reading side; one writer at a time, who calls `open` first."""

    def __init__(self, directory: Path, partition: int, pass_by: Pass = lambda _point: None) -> None:
        self.directory = directory / str(partition)
        self._pass_by = pass_by
        self._word = secrets.token_hex(8)
        # How many files a folder had when none of them was worth being put together: busy days of a year are not
        # looked at again every minute.
        self._left_alone: dict[str, int] = {}

    def open(self) -> int:
        """Sweep up what a crash left; where writing goes on."""
        # In this order: whoever had it before and is still at a write finds the word, or nothing to put in its place,
        # and what it had put in its place by then is seen here.
        with writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True)
            (self.directory / _OWNER).write_text(self._word)
        for path in [*self.directory.rglob("*.tmp")]:
            path.unlink(missing_ok=True)
        reached = self.reached()
        for folder in self._folders():
            for file in files_in(folder):
                if file.last >= reached:
                    file.path.unlink()
        return reached

    def reached(self) -> int:
        """The offset up to which everything is there."""
        try:
            return msgspec.json.decode((self.directory / _REACHED).read_bytes(), type=Reached).offset
        except FileNotFoundError:
            return 0

    def write(self, rows: Iterable[Row], told: Sequence[Told], first: int, next_offset: int) -> None:
        """What the records from `first` up to `next_offset` hold; durable on return.

        Fenced when another has opened the partition since.
        """
        self.refuse_another()
        days: defaultdict[str, list[Row]] = defaultdict(list)
        for row in rows:
            days[day_of(row.at_ms)].append(row)
        name = f"{first:012}-{next_offset - 1:012}.parquet"
        tables = {self.directory / day / name: table_of(its_rows) for day, its_rows in days.items()}
        if told:
            columns = [
                pa.array(column, field.type)
                for column, field in zip(zip(*told, strict=True), PEOPLE_SCHEMA, strict=True)
            ]
            tables[self.directory / PEOPLE / name] = pa.table(columns, PEOPLE_SCHEMA)
        temporaries: dict[Path, Path] = {}
        reached = self.directory / _REACHED
        try:
            with writing(self.directory):
                for path, table in tables.items():
                    temporaries[path] = prepared(table, path)
                of_reached = noted(msgspec.json.encode(Reached(next_offset)), reached)
                self.refuse_another()
                for path, temporary in temporaries.items():
                    settle(temporary, path)
                    self._pass_by("archive.file_written")
                self._pass_by("archive.files_written")
                settle(of_reached, reached)
        except FileNotFoundError:
            self.refuse_another()
            raise
        except (HistoryUnavailable, SettingsError):
            for temporary in temporaries.values():
                temporary.unlink(missing_ok=True)
            raise

    def refuse_another(self) -> None:
        """Fenced when another has opened the partition since."""
        if (self.directory / _OWNER).read_text() != self._word:
            msg = f"the history of partition {self.directory.name} has another owner by now"
            raise Fenced(msg)

    def compact(self, more_than: int) -> None:
        """Put small files together in every folder that has more than so many; those stay while they may be read."""
        reached = self.reached()
        for folder in self._folders():
            files = standing(folder, reached)
            if len(files) > more_than and len(files) != self._left_alone.get(folder.name):
                runs = compactable(files, more_than)
                for run in runs:
                    with writing(self.directory):
                        merge(run, folder)
                if not runs:
                    self._left_alone[folder.name] = len(files)
            drop_compacted(folder, reached)

    def retain(self, before_ms: int) -> None:
        """Drop the days that end before this instant."""
        before = day_of(before_ms)
        for folder in self._folders():
            if folder.name != PEOPLE and folder.name < before:
                shutil.rmtree(folder)

    def erase(self, erased: Mapping[str, int]) -> None:
        """Leave no row of these profiles from records below an offset each, and no record of them."""
        ids = pa.array(sorted(erased), pa.string())
        bounds = pa.array([erased[one] for one in ids.to_pylist()], pa.int64())
        for folder in self._folders():
            # Those that were compacted too, as long as they stay.
            for file in complete(folder, self.reached()):
                # Who is erased is in few files: only those are read whole.
                found = pq.read_table(
                    file.path, columns=["profile_id", "place"], filters=pc.field("profile_id").isin(ids)
                )
                if pc.any(_is_below(found, ids, bounds)).as_py():
                    table = pq.read_table(file.path)
                    with writing(self.directory):
                        put(table.filter(pc.invert(_is_below(table, ids, bounds))), file.path)

    def holds(self, profile_id: str, below: int) -> bool:
        """Whether any row or record of the profile from below an offset is left."""
        for folder in self._folders():
            for file in complete(folder, self.reached()):
                found = pq.read_table(file.path, columns=["place"], filters=[("profile_id", "=", profile_id)])
                if pc.any(pc.less(found["place"], below)).as_py():
                    return True
        return False

    def history(self, as_of_ms: int, reached: int) -> History:
        """What there is as of an instant, of the records below an offset that had been reached."""
        return of_files(self.files(reached), self.people(as_of_ms, reached))

    def people(self, as_of_ms: int, reached: int) -> People:
        """Who profiles are, by the records told up to an instant."""
        people = People()
        for told in self.told(reached):
            if told.at_ms <= as_of_ms:
                told.to(people)
        return people

    def told(self, reached: int) -> Iterator[Told]:
        """The records that are no events, in the order of the log."""
        for file in sorted(standing(self.directory / PEOPLE, reached), key=lambda file: file.first):
            for row in pq.read_table(file.path).sort_by("place").to_pylist():
                yield Told(**row)

    def files(self, reached: int) -> list[Path]:
        """Those that hold every event below the offset once, in the order of their days."""
        days = sorted(folder for folder in self._folders() if folder.name != PEOPLE)
        return [file.path for folder in days for file in standing(folder, reached)]

    def describe(self) -> dict[str, int | str | None]:
        """How much there is."""
        reached = self.reached()
        files = [file for folder in self._folders() for file in standing(folder, reached)]
        days = sorted(folder.name for folder in self._folders() if folder.name != PEOPLE)
        return {
            "partition": int(self.directory.name),
            "reached": reached,
            "events": sum(pq.read_metadata(file.path).num_rows for file in files if file.path.parent.name != PEOPLE),
            "files": len(files),
            "bytes": sum(file.path.stat().st_size for file in files),
            "first_day": days[0] if days else None,
            "last_day": days[-1] if days else None,
        }

    def _folders(self) -> list[Path]:
        if not self.directory.exists():
            return []
        return [
            one for one in self.directory.iterdir() if one.is_dir() and (one.name == PEOPLE or _DAY.fullmatch(one.name))
        ]


def _is_below(table: pa.Table, ids: pa.Array, bounds: pa.Array) -> pa.ChunkedArray:
    """Of each row whether it is of one of these ids, and from below its bound."""
    bound = pc.take(bounds, pc.index_in(table["profile_id"], ids))
    return pc.fill_null(pc.less(table["place"], bound), False)


def day_of(at_ms: int) -> str:
    """The day of an instant, UTC."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d")


def partitions_in(directory: Path) -> list[int]:
    """The partitions that have history."""
    return sorted(int(one.name) for one in directory.iterdir() if one.name.isdigit()) if directory.exists() else []
