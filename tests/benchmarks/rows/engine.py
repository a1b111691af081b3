"""The engine alone, on records in memory: decoding, ten definitions, ten of a thousand, fifty dynamic ones, lists.

`events` are those of the ten definitions of all rows; `more` has the microseconds an event of the other
ways. Ten definitions against a thousand compare the same ten in both catalogs.
"""

import time
from collections.abc import Callable, Sequence
from statistics import median

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.engine.rules import Rules
from octyseg.hosting.collector import relax_collector
from octyseg.log.port import StoredRecord
from octyseg.model import record
from octyseg.settings import Settings
from tests.benchmarks import traffic
from tests.benchmarks.measured import Measured, Stopwatch

ROUNDS = 5
BATCH = 2_500
# So many events arrive in one millisecond.
A_MILLISECOND = 700
# In the traffic of a real shop one event in fifty lists what was bought.
A_LIST_EVERY = 50


def measure(settings: Settings, events: int) -> Measured:
    """Feed so many, in each way, in turn."""
    del settings
    records = _records(events, traffic.RELEVANT_TYPES)
    pairs = _records(events, ("login", "order_completed"))
    lists = [_with_a_list(record) if record.offset % A_LIST_EVERY == 0 else record for record in records]
    relax_collector()
    ways: dict[str, Callable[[], None]] = {
        "parse": lambda: _parse(records),
        "decode": lambda: _decode(records),
        "feed": lambda: _feed(Catalog(traffic.segments()), records),
        "feed_lists": lambda: _feed(Catalog(traffic.segments()), lists),
        "feed_dynamic_50": lambda: _feed(Catalog(traffic.dynamic(50)), records),
        "feed_10": lambda: _feed(Catalog(traffic.crowd(10)), pairs),
        "feed_1000": lambda: _feed(Catalog(traffic.crowd(1_000)), pairs),
    }
    costs_us: dict[str, list[float]] = {name: [] for name in ways}
    fed = []
    for _ in range(ROUNDS):
        for name, way in ways.items():
            begun_s = time.process_time()
            watch = Stopwatch()
            way()
            costs_us[name].append((time.process_time() - begun_s) / events * 1e6)
            if name == "feed":
                fed.append(watch.stop(events))
    best_us = {name: round(min(found), 3) for name, found in costs_us.items()}
    measured = min(fed, key=lambda one: one.cpu_s)
    measured.more = {
        "us_an_event": best_us,
        "median_us_an_event": {name: round(median(found), 3) for name, found in costs_us.items()},
        "thousand_over_ten": round(best_us["feed_1000"] / best_us["feed_10"], 3),
        "dynamic_over_live": round(best_us["feed_dynamic_50"] / best_us["feed"], 3),
        "lists_over_feed": round(best_us["feed_lists"] / best_us["feed"], 3),
        "feed_over_parse": round(best_us["feed"] / best_us["parse"], 3),
    }
    return measured


def _records(count: int, relevant_types: Sequence[str]) -> list[StoredRecord]:
    arrived_ms = time.time_ns() // 1_000_000
    return [
        StoredRecord(offset, arrived_ms + offset // A_MILLISECOND, event.profile_id.encode(), event.line)
        for offset, event in enumerate(traffic.events(count, relevant_types))
    ]


def _with_a_list(record: StoredRecord) -> StoredRecord:
    return record._replace(value=record.value.replace(b'"price":', b'"items":["hat","shoes"],"price":'))


def _parse(records: Sequence[StoredRecord]) -> None:
    parse = record._decode_event
    for one in records:
        parse(one.value)


def _decode(records: Sequence[StoredRecord]) -> None:
    for one in records:
        record.decode(one.key, one.value)


def _feed(catalog: Catalog, records: Sequence[StoredRecord]) -> None:
    partition = Partition(catalog, Rules())
    partition.following.handovers.need_none()
    for start in range(0, len(records), BATCH):
        partition.feed("events", records[start : start + BATCH])
