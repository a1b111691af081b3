"""Which database answers: DuckDB in this process, unless the setting names another.

duckdb                        in this process, spills to disk, the default
clickhouse                    ClickHouse's engine in this process (chDB); wants the extra octyseg[clickhouse]
clickhouse://user@host:8123/  a ClickHouse server, by HTTP; the same extra
spark, spark://host:7077      Spark on this machine's Java, or a cluster; wants the extra octyseg[spark]
"""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import ibis
import pyarrow as pa
from ibis.expr import types as ir

from octyseg.errors import UsageError

_MODULES = {
    "duckdb": "octyseg.history.engine_duckdb",
    "clickhouse": "octyseg.history.engine_clickhouse",
    "spark": "octyseg.history.engine_spark",
}


class Engine(Protocol):
    """A database for the length of one run. Names of tables are the caller's."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of everything that was kept."""
        ...

    def parquet(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """The rows of these files, at least one, as a table."""
        ...

    def table(self, name: str, rows: pa.Table) -> ir.Table:
        """Rows of our own as a table."""
        ...

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Work the expression out once; the table gives its rows as often as they are asked for."""
        ...

    def fetch(self, rows: ir.Table) -> pa.Table:
        """Work the expression out."""
        ...


def engine(name: str, scratch: Path) -> Engine:
    """The engine of the setting; UsageError when there is none of this name or its library is missing."""
    kind = name.split(":", 1)[0]
    if kind not in _MODULES:
        msg = f'"{name}" is no engine of history: write duckdb, clickhouse, clickhouse://host:port, spark or spark://host:port'
        raise UsageError(msg)
    try:
        made: Engine = import_module(_MODULES[kind]).made(name, scratch)
    except ImportError as error:
        msg = f"engine {kind} wants a library that is not installed ({error}): pip install 'octyseg[{kind}]'"
        raise UsageError(msg) from error
    return made


def unbound(name: str, schema: pa.Schema) -> ir.Table:
    """A table by its name and columns alone, for engines that are spoken to in SQL."""
    return ibis.table(ibis.Schema.from_pyarrow(schema), name=name)
