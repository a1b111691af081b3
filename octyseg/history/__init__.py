"""History: what happened, as tables, and segments of the past as questions to them.

A question is an Ibis expression, so that the same definition is answered by DuckDB in this process, by
ClickHouse or by Spark. Nothing here knows of logs, stages or tags.
"""
