"""ClickHouse, by clickhouse-connect: its engine in this process (chDB), or a server whose address is given.

In this process files are read where they lie. A server sees no files of ours: their rows are sent to it, into a
database made for the run, which is dropped at its end.
"""

import uuid
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import clickhouse_connect
import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from clickhouse_connect.driver.exceptions import ClickHouseError
from ibis.backends.sql.datatypes import ClickHouseType
from ibis.expr import types as ir

from octyseg.errors import Unavailable
from octyseg.history.engines import unbound

_HERE = "chdb://memory"
# A join without a partner gives null, as everywhere else.
_ANSWER = {"join_use_nulls": 1}


class ClickHouse:
    """The engine in this process; what is kept is a Parquet file in a directory that goes with the run."""

    def __init__(self, address: str, scratch: Path) -> None:
        self._scratch = scratch
        self._address = address

    def __enter__(self) -> Self:
        """Begin; Unavailable when the server is away or lets nobody in."""
        try:
            self._client = clickhouse_connect.get_client(dsn=self._address)
            self._begin()
        except ClickHouseError as error:
            raise Unavailable(_does_not_serve(error)) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the session; Unavailable when the work ended because the server does not serve."""
        self._client.close()
        if isinstance(error, ClickHouseError):
            raise Unavailable(_does_not_serve(error)) from error

    def parquet(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """A view of the files."""
        # Braces around a single path are taken for a part of its name.
        files = str(paths[0]) if len(paths) == 1 else f"{{{','.join(map(str, paths))}}}"
        # The names are ours; ClickHouse knows no parameters for what it reads.
        self._client.command(f"CREATE VIEW {name} AS SELECT * FROM file('{files}', 'Parquet')")  # noqa: S608
        return unbound(name, pq.read_schema(paths[0]))

    def table(self, name: str, rows: pa.Table) -> ir.Table:
        """A file of its own."""
        path = self._scratch / f"{name}.parquet"
        pq.write_table(rows, path)
        return self.parquet(name, [path])

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Worked out to a file and read from there."""
        return self.table(name, self.fetch(rows))

    def fetch(self, rows: ir.Table) -> pa.Table:
        """As an Arrow table of the expression's own types."""
        answer = self._client.query_arrow(ibis.to_sql(rows, dialect="clickhouse"), settings=_ANSWER)
        return answer.cast(rows.schema().to_pyarrow())

    def _begin(self) -> None:
        """Nothing has to be made."""


class ClickHouseServer(ClickHouse):
    """A server: rows go to it, and what is kept stays there."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Drop what was made for the run; a server that went away keeps it."""
        try:
            self._client.command(f"DROP DATABASE IF EXISTS {self._database}")
        except ClickHouseError as gone:
            self._client.close()
            msg = f"{_does_not_serve(gone)}, and drop the database {self._database} that it may still have of this run"
            raise Unavailable(msg) from gone
        super().__exit__(kind, error, trace)

    def parquet(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """Send the files, as they are."""
        made = self._create(name, pq.read_schema(paths[0]))
        for path in paths:
            with path.open("rb") as file:
                self._client.raw_insert(f"{self._database}.{name}", insert_block=file, fmt="Parquet")
        return made

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Worked out there, into a table."""
        made = self._create(name, rows.schema().to_pyarrow())
        sql = ibis.to_sql(rows, dialect="clickhouse")
        self._client.command(f"INSERT INTO {self._database}.{name} {sql}", settings=_ANSWER)
        return made

    def _begin(self) -> None:
        self._database = f"octyseg_{uuid.uuid4().hex}"
        self._client.command(f"CREATE DATABASE {self._database}")
        self._client.database = self._database

    def _create(self, name: str, schema: pa.Schema) -> ir.Table:
        """An empty table of these columns."""
        made = unbound(name, schema)
        columns = ", ".join(f"`{one}` {ClickHouseType.to_string(kind)}" for one, kind in made.schema().items())
        self._client.command(f"CREATE TABLE {self._database}.{name} ({columns}) ENGINE = MergeTree ORDER BY tuple()")
        return made


def _does_not_serve(error: ClickHouseError) -> str:
    return f"the ClickHouse of OCTYSEG_HISTORY__ENGINE does not serve ({str(error)[:200]}): look at its address"


def made(name: str, scratch: Path) -> ClickHouse:
    """See octyseg.history.engines."""
    return ClickHouseServer(name, scratch) if "://" in name else ClickHouse(_HERE, scratch)
