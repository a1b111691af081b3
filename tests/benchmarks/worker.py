"""A live worker as `octyseg worker live` runs it, with a stopwatch: `python -m tests.benchmarks.worker PARTITIONS`.

It says `open` on standard output when it has so many partitions, begins when a line comes on standard
input, prints what was measured and stays in the group until standard input ends.
"""

import asyncio
import sys

from octyseg import logs, settings
from octyseg.hosting.collector import relax_collector
from octyseg.hosting.kafka import kafka_log
from octyseg.settings import Settings
from tests.benchmarks.timed import timed
from topologies.host import host
from topologies.worker import Worker


async def work(loaded: Settings, partitions: int) -> None:
    """One worker from its start to its stop."""
    log = kafka_log(loaded)
    stage = timed(loaded, log, partitions)
    relax_collector()
    worker = Worker(host(loaded, stage, log), loop=asyncio.get_running_loop())
    running = asyncio.create_task(worker.start())
    await stage.is_open.wait()
    _tell("open")
    await asyncio.to_thread(sys.stdin.readline)
    stage.go.set()
    await stage.done.wait()
    assert stage.measured is not None, "done means measured"
    _tell(stage.measured.line().decode())
    await asyncio.to_thread(sys.stdin.read)
    await worker.stop()
    await running


def _tell(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    logs.configure("warning", "pretty")
    asyncio.run(work(settings.load(), int(sys.argv[1])))
