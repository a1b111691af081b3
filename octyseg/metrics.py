"""Every metric of octyseg with its labels and meaning: the only place where a metric is named.

Stages and hosts count here; labels are closed words (a stage, a reason, a partition number) or names that
somebody defined, never ids of profiles. Seconds and totals, after Prometheus' naming rules. `serving` exposes them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from octyseg.errors import UsageError

_FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
_SLOW = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)

EVENTS = Counter(
    "octyseg_events_total",
    "Input records by what became of them (applied, ignored, duplicate, ...)",
    ["stage", "outcome"],
)
CHANGES = Counter("octyseg_changes_total", "Tag changes decided, by kind and reason", ["kind", "reason"])
DEADLETTERS = Counter("octyseg_deadletters_total", "Records sent to the dead letter topic, by reason", ["reason"])
VOID_OUTCOMES = Counter(
    "octyseg_void_outcomes_total", "Outcomes of an owner that had lost its partition, dropped by a reader", ["stage"]
)
FENCED = Counter("octyseg_fenced_total", "Partitions dropped because another owner had claimed them", ["stage"])
GAP_RECORDS = Counter(
    "octyseg_gap_records_total", "Records that retention removed before they were read: they are lost", ["topic"]
)

LAG_RECORDS = Gauge(
    "octyseg_lag_records", "Records between the committed position and the end", ["stage", "topic", "partition"]
)
CLOCK_LAG_SECONDS = Gauge(
    "octyseg_clock_lag_seconds",
    "How far a partition's clock is behind the log's time; deadlines wait for it",
    ["partition"],
)
WAITING_PROFILES = Gauge(
    "octyseg_waiting_profiles", "Profiles for which a deadline or an expiry is still to come", ["partition"]
)
PROFILES = Gauge("octyseg_profiles", "Profiles with a state", ["partition"])
SEGMENT_MEMBERS = Gauge("octyseg_segment_members", "Profiles in a segment, told by one worker of all", ["segment"])
OPEN_PARTITIONS = Gauge("octyseg_open_partitions", "Partitions this process owns", ["stage"])

CHUNK_SECONDS = Histogram(
    "octyseg_chunk_seconds", "Time from receiving a chunk to its acknowledgement", ["stage"], buckets=_FAST
)
ARCHIVE_SECONDS = Histogram("octyseg_archive_seconds", "Time of one write to history", buckets=_FAST)
RUNS = Counter("octyseg_runs", "Runs of the batch agent that ended", ["status"])
DISAGREEMENTS = Gauge(
    "octyseg_disagreements",
    "Memberships of dynamic segments in which stream and history differed when last compared",
    ["partition"],
)
RUN_SECONDS = Histogram(
    "octyseg_run_slice_seconds", "Time to evaluate the orders of one slice", buckets=(0.1, 0.5, 1, 5, 15, 60, 300, 1800)
)
LOOP_LAG_SECONDS = Histogram(
    "octyseg_loop_lag_seconds", "How late the event loop wakes: heartbeats share it", buckets=_FAST
)
RESTORE_SECONDS = Histogram(
    "octyseg_restore_seconds", "Time to read the states of a partition back", ["stage"], buckets=_SLOW
)
FLUSH_SECONDS = Histogram("octyseg_flush_seconds", "Time of a flush of changed states", buckets=_FAST)
FLUSHED_STATES = Counter("octyseg_flushed_states_total", "States written by flushes, tombstones included")

REDIS_AVAILABLE = Gauge("octyseg_redis_available", "1 while Redis answers, 0 while a stage waits for it", ["stage"])
HISTORY_AVAILABLE = Gauge(
    "octyseg_history_available", "1 while history can be written, 0 while a stage waits for its directory", ["stage"]
)
PROJECTION_OUTCOMES = Counter(
    "octyseg_projection_outcomes_total",
    "Outcomes sent to Redis, by result (applied, older, quiet: nothing new to show)",
    ["result"],
)
PROJECTION_REBUILDS = Counter(
    "octyseg_projection_rebuilds_total", "Partitions of the projection made again from the log, by cause", ["cause"]
)

WEBHOOK_ATTEMPTS = Counter(
    "octyseg_webhook_attempts_total",
    "Posts to receivers by how they ended (ok, status, timeout, ...)",
    ["endpoint", "result"],
)
WEBHOOK_SECONDS = Histogram("octyseg_webhook_seconds", "Time of one post, answer included", ["endpoint"], buckets=_FAST)
WEBHOOK_DELIVERIES = Counter(
    "octyseg_webhook_deliveries_total",
    "Deliveries by what became of them (scheduled, succeeded, exhausted, ...)",
    ["endpoint", "status"],
)
WEBHOOK_BREAKER = Gauge("octyseg_webhook_breaker_open", "1 while an endpoint rests after failures", ["endpoint"])
WEBHOOK_REBUILDS = Counter(
    "octyseg_webhook_rebuilds_total", "Partitions of the schedule made again from the log, by cause", ["cause"]
)

API_REQUESTS = Counter("octyseg_api_requests_total", "HTTP requests by route and status", ["route", "status"])
API_SECONDS = Histogram("octyseg_api_seconds", "Time to answer a request", ["route"], buckets=_FAST)
API_RECORDS = Counter("octyseg_api_records_total", "Records sent over HTTP, by result (accepted, refused)", ["result"])

# Every chunk asks for some of these by their labels; to look those up is 2.5 of the 3.5 us of a count.
events = cache(EVENTS.labels)
changes = cache(CHANGES.labels)
chunk_seconds = cache(CHUNK_SECONDS.labels)


@contextmanager
def serving(port: int | None) -> Iterator[int | None]:
    """Answer /metrics on `port` (0: a free one) inside the block; gives the port, None when there is none."""
    if port is None:
        yield None
        return
    try:
        server, thread = start_http_server(port)
    except OSError as error:
        msg = f"cannot serve metrics on port {port}: {error.strerror}; choose another OCTYSEG_METRICS_PORT"
        raise UsageError(msg) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
