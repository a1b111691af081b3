"""What octyseg does in a second, measured in one run on one machine: `python -m tests.benchmarks`.

Nothing here is a test: figures are printed and written down, never asserted. Each row is a process of its
own over the same events; ratios between rows of one run say more than any figure alone.
"""
