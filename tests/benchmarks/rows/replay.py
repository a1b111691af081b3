"""`octyseg replay` as a whole process: a file of events and the ten definitions in, JSON lines out."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from octyseg.settings import Settings
from tests.benchmarks import traffic
from tests.benchmarks.measured import Measured


def measure(settings: Settings, events: int) -> Measured:
    """Replay so many."""
    del settings
    octyseg = Path(sys.executable).with_name("octyseg")
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "events.jsonl"
        with file.open("wb") as lines:
            lines.writelines(event.line + b"\n" for event in traffic.events(events))
        command = [str(octyseg), "replay", str(file), "-f", str(traffic.DEFINITIONS), "--output", "json"]
        begun_s = time.perf_counter()
        replayed = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        seconds = time.perf_counter() - begun_s
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    more = {"changes": replayed.stdout.count(b"\n"), "peak_mib": round(used.ru_maxrss / 1024)}
    return Measured(events, seconds, used.ru_utime + used.ru_stime, more=more)
