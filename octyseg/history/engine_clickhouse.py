"""ClickHouse's engine in this process, by chDB: it is spoken to in the SQL that Ibis writes for ClickHouse."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from chdb.session import Session
from ibis.expr import types as ir

from octyseg.history.engines import unbound


class ClickHouse:
    """One session over a directory that goes with it; what is kept is a Parquet file in it."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def __enter__(self) -> Self:
        """Begin."""
        self._session = Session()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session: a process has one at a time."""
        self._session.close()

    def parquet(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """A view of the files."""
        return self._view(name, f"{{{','.join(map(str, paths))}}}", pq.read_schema(paths[0]))

    def table(self, name: str, rows: pa.Table) -> ir.Table:
        """A file of its own."""
        path = self._scratch / f"{name}.parquet"
        pq.write_table(rows, path)
        return self._view(name, str(path), rows.schema)

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Written to a file and read from there."""
        return self.table(name, self.fetch(rows))

    def fetch(self, rows: ir.Table) -> pa.Table:
        """As an Arrow table of the expression's own types."""
        # A join without a partner gives null, as everywhere else.
        sql = f"{ibis.to_sql(rows, dialect='clickhouse')} SETTINGS join_use_nulls = 1"
        answer = self._session.query(sql, "ArrowStream").bytes()
        return pa.ipc.open_stream(answer).read_all().cast(rows.schema().to_pyarrow())

    def _view(self, name: str, files: str, schema: pa.Schema) -> ir.Table:
        # The names are ours; ClickHouse knows no parameters for what it reads.
        self._session.query(f"CREATE VIEW {name} AS SELECT * FROM file('{files}', 'Parquet')")  # noqa: S608
        return unbound(name, schema)


def made(_name: str, scratch: Path) -> ClickHouse:
    """See octyseg.history.engines."""
    return ClickHouse(scratch)
