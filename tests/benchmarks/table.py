"""The table of rows: what each measures, what it needs, and over how many events at most."""

from typing import Literal, NamedTuple

# nothing: works alone. events: reads what others may read too. own: a log of its own to write to.
# states: a log that holds the states of so many profiles.
Needs = Literal["nothing", "events", "own", "states"]


class Row(NamedTuple):
    """`module` in tests.benchmarks.rows does the work; without one, so many `workers` do."""

    key: str
    title: str
    needs: Needs
    module: str | None = None
    workers: int = 0
    most_events: int = 1_000_000
    repeats: bool = True


ROWS = (
    Row("a", "aiokafka getmany + decode only", "events", "plain"),
    Row("a2", "record batches walked lazily + decode only", "events", "lazy"),
    Row("b", "the live step as a worker runs it: Faust, chunks", "own", workers=1),
    Row("b'", "the live step without Faust", "own", "runner"),
    Row("c", "the same detection as a plain Faust agent", "own", "agent", most_events=300_000, repeats=False),
    Row("d", "octyseg replay, the whole process", "nothing", "replay", repeats=False),
    Row("e", "restart: the states of so many profiles", "states", "restore", repeats=False),
    Row("f", "two live workers", "own", workers=2, repeats=False),
    Row("g", "the engine alone, records in memory", "nothing", "engine", most_events=300_000, repeats=False),
    Row("h", "webhooks to a fast receiver, one process", "nothing", "webhooks", most_events=5_000, repeats=False),
    Row("i", "a tags worker behind it: octyseg.tags and Redis", "own", "downstream", repeats=False),
    Row("j", "the same detection hand-written for Flink", "own", "flink"),
)
KEYS = tuple(row.key for row in ROWS)
