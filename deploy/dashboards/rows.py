"""What the dashboard shows, from what an operator looks at first to what explains it. Every metric is on it."""

from typing import Literal, NamedTuple


class Shown(NamedTuple):
    """One panel. `how` a metric is looked at: a second, as the 99th percentile of its time, or as it stands."""

    title: str
    how: Literal["rate", "p99", "sum", "min", "max"]
    metric: str
    by: tuple[str, ...]
    meaning: str


ROWS: dict[str, tuple[Shown, ...]] = {
    "First of all": (
        Shown("Lag", "sum", "octyseg_lag_records", ("stage",), "Records not committed yet. What rises wants workers."),
        Shown("Deadlines are late by", "max", "octyseg_clock_lag_seconds", ("partition",), "Late, never false."),
        Shown("Partitions with a worker", "sum", "octyseg_open_partitions", ("stage",), "All of them should have one."),
        Shown("Records", "rate", "octyseg_events_total", ("stage", "outcome"), "Input, by what became of it."),
        Shown("Changes of tags", "rate", "octyseg_changes_total", ("kind", "reason"), "Decided by the live stage."),
        Shown("Refused", "rate", "octyseg_deadletters_total", ("reason",), "`octyseg tail deadletter` shows them."),
    ),
    "Segments": (Shown("Members", "max", "octyseg_segment_members", ("segment",), "As Redis has them."),),
    "Stages": (
        Shown("One chunk", "p99", "octyseg_chunk_seconds", ("stage",), "From its arrival to its acknowledgement."),
        Shown("The loop wakes late by", "p99", "octyseg_loop_lag_seconds", ("instance",), "Heartbeats share it."),
        Shown("Restores", "p99", "octyseg_restore_seconds", ("stage",), "The partition stands still meanwhile."),
        Shown("Lost to others", "rate", "octyseg_fenced_total", ("stage",), "Partitions of who slept for a session."),
        Shown("Void outcomes", "rate", "octyseg_void_outcomes_total", ("stage",), "By who had lost its partition."),
        Shown("Lost to retention", "rate", "octyseg_gap_records_total", ("topic",), "Removed before they were read."),
        Shown("Profiles", "sum", "octyseg_profiles", ("instance",), "With a state, in memory."),
        Shown("Profiles that wait", "sum", "octyseg_waiting_profiles", ("instance",), "For a deadline or an expiry."),
        Shown("Flushes", "p99", "octyseg_flush_seconds", ("instance",), "Beside the work of the partition."),
        Shown("Flushed states", "rate", "octyseg_flushed_states_total", ("instance",), "A restore begins behind them."),
    ),
    "Redis": (
        Shown("Redis answers", "min", "octyseg_redis_available", ("stage",), "0: the stage waits and loses nothing."),
        Shown(
            "Outcomes", "rate", "octyseg_projection_outcomes_total", ("result",), "Sent to Redis, by what came of it."
        ),
        Shown("Made again", "rate", "octyseg_projection_rebuilds_total", ("cause",), "Partitions, from the log."),
    ),
    "History and the batch agent": (
        Shown("History answers", "min", "octyseg_history_available", ("stage",), "0: its disk is full, for one."),
        Shown("Writes", "p99", "octyseg_archive_seconds", ("instance",), "One file of a partition and a day."),
        Shown("Runs", "rate", "octyseg_runs_total", ("status",), "`octyseg get runs` says why one failed."),
        Shown("Slices", "p99", "octyseg_run_slice_seconds", ("instance",), "One look through a partition's history."),
        Shown("Stream and history differ", "sum", "octyseg_disagreements", ("partition",), "When last compared."),
    ),
    "Webhooks": (
        Shown("Posts", "rate", "octyseg_webhook_attempts_total", ("endpoint", "result"), "By how they ended."),
        Shown("Answers", "p99", "octyseg_webhook_seconds", ("endpoint",), "Time of one post."),
        Shown(
            "Deliveries", "rate", "octyseg_webhook_deliveries_total", ("endpoint", "status"), "By what became of them."
        ),
        Shown("Endpoints that rest", "max", "octyseg_webhook_breaker_open", ("endpoint",), "1: ten failures in a row."),
        Shown("Made again", "rate", "octyseg_webhook_rebuilds_total", ("cause",), "Partitions of the schedule."),
    ),
    "HTTP API": (
        Shown("Requests", "rate", "octyseg_api_requests_total", ("route", "status"), "By route and status."),
        Shown("Answers", "p99", "octyseg_api_seconds", ("route",), "Time to answer."),
        Shown("Records", "rate", "octyseg_api_records_total", ("result",), "Accepted and refused."),
    ),
}
