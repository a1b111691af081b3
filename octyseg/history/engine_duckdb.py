"""DuckDB in this process: the default engine. Spills to the scratch directory, uses no extensions."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import ibis
import pyarrow as pa
from ibis.expr import types as ir

# What it works in before it spills. With less it chooses ways that spill from the start: a run of 100 definitions
# over 100,000,000 events takes 141 s with 6 GB, and 49 s, of which 3.9 GB are used, with 7.
MEMORY_MB = 7_000
# Of the memory that there is, where that is less.
SHARE = 0.6
# Where Linux says how much a container may have, in bytes: https://docs.kernel.org/admin-guide/cgroup-v2.html, and -v1.
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


class DuckDB:
    """One database in memory."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch

    def __enter__(self) -> Self:
        """Begin."""
        self._ibis = ibis.duckdb.connect(
            memory_limit=f"{_memory_mb()}MB",
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


def _memory_mb() -> int:
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    for path in LIMITS:
        with suppress(OSError, ValueError):  # no such file, or `max`: as much as there is
            there = min(there, int(path.read_text()))
    return min(MEMORY_MB, int(there * SHARE) // 1_000_000)


def made(_name: str, scratch: Path) -> DuckDB:
    """See octyseg.history.engines."""
    return DuckDB(scratch)
