"""DuckDB in this process: the default engine. Spills to the scratch directory, uses no extensions."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import ibis
import pyarrow as pa
from ibis.expr import types as ir

# What it works in before it spills.
MEMORY = "4GB"


class DuckDB:
    """One database in memory."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def __enter__(self) -> Self:
        """Begin."""
        self._ibis = ibis.duckdb.connect(
            memory_limit=MEMORY,
            temp_directory=str(self._scratch / "duckdb"),
            autoinstall_known_extensions=False,
            autoload_known_extensions=False,
            # Orders of rows are nobody's business here, and keeping them costs memory.
            preserve_insertion_order=False,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._ibis.disconnect()

    def parquet(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """Read in place, as often as it is asked for."""
        return self._ibis.read_parquet([str(path) for path in paths], table_name=name)

    def table(self, name: str, rows: pa.Table) -> ir.Table:
        """Read where it lies."""
        self._ibis.con.register(name, rows)
        return self._ibis.table(name)

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """A temporary table."""
        return self._ibis.create_table(name, rows, temp=True)

    def fetch(self, rows: ir.Table) -> pa.Table:
        """As an Arrow table."""
        return self._ibis.con.sql(self._ibis.compile(rows)).to_arrow_table()


def made(_name: str, scratch: Path) -> DuckDB:
    """See octyseg.history.engines."""
    return DuckDB(scratch)
