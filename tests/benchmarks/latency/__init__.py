"""From an event's arrival in the log until its tag change can be read: `python -m tests.benchmarks.latency`.

Whole processes on one machine and so one clock; figures are printed and written down, never asserted.
"""
