"""The collector of cycles in a worker, tried in a process of its own."""

import subprocess
import sys

TRIED = """
import gc
from octyseg.hosting.collector import relax_collector

class Knot:
    def __init__(self):
        self.itself = self

relax_collector()
known = gc.get_freeze_count()
looks = sum(one["collections"] for one in gc.get_stats())
kept = [[] for _ in range(10_000)]
assert sum(one["collections"] for one in gc.get_stats()) == looks
for _ in range(200_000):
    Knot()
assert sum(one["collected"] for one in gc.get_stats()) >= 100_000
print(known)
"""


def test_what_a_chunk_leaves_is_not_looked_at_and_knots_are_still_untied():
    tried = subprocess.run([sys.executable, "-c", TRIED], capture_output=True, text=True, check=True)
    assert int(tried.stdout) > 1_000
