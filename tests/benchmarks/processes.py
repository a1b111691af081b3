"""Starts the processes of a row and collects what they measured.

A row is one process, or workers that are let go at one moment once all of them have their partitions.
"""

import os
import subprocess
import sys
from contextlib import ExitStack

from octyseg.settings import Settings
from tests.benchmarks.measured import Measured


def measure_row(module: str, settings: Settings, events: int) -> Measured:
    """Run a row's module to its end."""
    command = [sys.executable, "-m", "tests.benchmarks.row", module, str(events)]
    done = subprocess.run(command, stdout=subprocess.PIPE, env=environment(settings), check=True)
    return Measured.read(done.stdout.splitlines()[-1])


def measure_workers(count: int, settings: Settings, events: int) -> Measured:
    """Let so many live workers share the partitions."""
    # Leaving ends them: their standard input ends, and they are waited for.
    with ExitStack() as stack:
        workers = []
        for number in range(count):
            command = [sys.executable, "-m", "tests.benchmarks.worker", str(settings.partitions // count)]
            env = environment(settings) | {"OCTYSEG_INSTANCE_ID": f"{settings.namespace}{number}"}
            started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
            workers.append(stack.enter_context(started))
        for worker in workers:
            assert worker.stdout.readline() == b"open\n", "the worker ended before it had its partitions"
        for worker in workers:
            worker.stdin.write(b"go\n")
            worker.stdin.flush()
        each = [Measured.read(worker.stdout.readline()) for worker in workers]
    assert sum(one.events for one in each) == events, "every event was handled, and once"
    if count == 1:
        return each[0]
    begun_s = min(one.begun_at_s for one in each)
    seconds = max(one.begun_at_s + one.seconds for one in each) - begun_s
    more = {"each_events_per_s": [round(one.events_per_s) for one in each]}
    return Measured(events, seconds, sum(one.cpu_s for one in each), begun_s, more)


def environment(settings: Settings) -> dict[str, str]:
    """Where a process is to work."""
    return os.environ | {
        "OCTYSEG_LOG": settings.log,
        "OCTYSEG_NAMESPACE": settings.namespace,
        "OCTYSEG_PARTITIONS": str(settings.partitions),
    }
