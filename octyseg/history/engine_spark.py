"""Spark, by PySpark and Ibis: on the Java of this machine, or on the cluster whose address is given."""

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import ibis
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.expr import types as ir
from pyspark.sql import SparkSession


class Spark:
    """One session; all that goes in goes by Parquet files, which a cluster must be able to read."""

    def __init__(self, master: str, scratch: Path) -> None:
        self._master = master
        self._scratch = scratch

    def __enter__(self) -> Self:
        """Begin."""
        builder = SparkSession.builder.master(self._master).appName("octyseg history")
        settings = {
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.warehouse.dir": str(self._scratch / "warehouse"),
        }
        if self._master.startswith("local"):
            # Made for clusters, the default of 200 is mostly empty tasks here.
            settings["spark.sql.shuffle.partitions"] = "8"
        for name, value in settings.items():
            builder = builder.config(name, value)
        self._session = builder.getOrCreate()
        self._ibis = ibis.pyspark.connect(self._session)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop the session."""
        self._session.stop()

    def parquet(self, name: str, paths: Sequence[Path]) -> ir.Table:
        """A view of the files."""
        self._session.read.parquet(*map(str, paths)).createOrReplaceTempView(name)
        return self._ibis.table(name)

    def table(self, name: str, rows: pa.Table) -> ir.Table:
        """A file of its own."""
        path = self._scratch / f"{name}.parquet"
        pq.write_table(rows, path)
        return self.parquet(name, [path])

    def keep(self, name: str, rows: ir.Table) -> ir.Table:
        """Kept by Spark, in memory or on its disks."""
        self._session.sql(self._ibis.compile(rows)).persist().createOrReplaceTempView(name)
        return self._ibis.table(name)

    def fetch(self, rows: ir.Table) -> pa.Table:
        """As an Arrow table."""
        return self._session.sql(self._ibis.compile(rows)).toArrow()


def made(name: str, scratch: Path) -> Spark:
    """See octyseg.history.engines."""
    return Spark(name if "://" in name else "local[*]", scratch)
