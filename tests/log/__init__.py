"""Tests of the logs: one promise suite, run against every adapter, and what is particular to each."""
