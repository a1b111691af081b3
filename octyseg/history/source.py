"""Where history comes from: a file of JSON lines, a Parquet file of rows, or both as an archive has them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from octyseg.errors import UsageError
from octyseg.history.people import People
from octyseg.history.rows import SCHEMA, Row, row_of, table_of
from octyseg.model.record import Event, decode, epoch_ms, own_key
from octyseg.model.refusal import Refusal

ROWS_AT_ONCE = 50_000

OnRefusal = Callable[[int, Refusal], None]


class History(NamedTuple):
    """Rows of events, in files or in memory, and who people are as of the instant that is asked about."""

    files: Sequence[Path]
    rows: pa.Table
    people: People
    has_ids: bool


def of_lines(lines: Iterable[bytes], as_of_ms: int, on_refusal: OnRefusal) -> History:
    """Records in the order of their file; what happened after `as_of_ms` is left out.

    `on_refusal` hears of refused records by their number, from 1. A record that names no time happened
    when the one before it did.
    """
    people = People()
    tables: list[pa.Table] = []
    rows: list[Row] = []
    clock_ms = 0
    for place, line in enumerate(lines):
        record = decode(own_key(line), line)
        at_ms = record if isinstance(record, Refusal) else epoch_ms(record.created_at, clock_ms)
        if isinstance(record, Refusal) or isinstance(at_ms, Refusal):
            on_refusal(place + 1, record if isinstance(record, Refusal) else at_ms)  # type: ignore[arg-type] # one of them is
            continue
        assert isinstance(at_ms, int)
        clock_ms = max(clock_ms, at_ms)
        if at_ms > as_of_ms:
            continue
        if isinstance(record, Event):
            rows.append(row_of(record, at_ms, place))
            if len(rows) >= ROWS_AT_ONCE:
                tables.append(table_of(rows))
                rows.clear()
        else:
            people.tell(record, at_ms, place)
    everything = pa.concat_tables([*tables, table_of(rows)])
    return History((), everything, people, everything["event_id"].null_count < len(everything))


def of_files(paths: Sequence[Path], people: People | None = None) -> History:
    """Parquet files of rows; UsageError when one is something else."""
    has_ids = False
    for path in paths:
        try:
            file = pq.ParquetFile(path)
        except (OSError, pa.ArrowInvalid) as error:
            msg = f"{path}: cannot be read as Parquet ({error}): give a file of history"
            raise UsageError(msg) from error
        with file:
            missing = [field.name for field in SCHEMA if field.name not in file.schema_arrow.names]
            if missing:
                msg = f"{path}: has no column {', '.join(missing)}: give a file that `octyseg` archived"
                raise UsageError(msg)
            has_ids = has_ids or _has_ids(file.metadata)
    return History(paths, table_of([]), people or People(), has_ids)


def _has_ids(metadata: pq.FileMetaData) -> bool:
    """Whether any event of the file has an id, by what the file says of itself."""
    column = SCHEMA.get_field_index("event_id")
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        statistics = group.column(column).statistics
        if statistics is None or statistics.null_count != group.num_rows:
            return True
    return False
