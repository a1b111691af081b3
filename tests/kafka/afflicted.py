"""The `octyseg` program with something wrong with it, as its environment says: `python -m tests.kafka.afflicted WORDS`.

AFFLICTED_DIE_AT=POINT    dies by SIGKILL when it passes this point of octyseg.stages.crashpoints
AFFLICTED_DIE_AFTER=N     ... for the N-th time
AFFLICTED_SKEW_S=SECONDS  its wall clock is wrong by so much
AFFLICTED_BLOCK=FILE      at SIGRTMIN its event loop stands still for as many seconds as the file says
"""

import os
import signal
import time
from pathlib import Path


def _skew(seconds):
    now, now_ns = time.time, time.time_ns
    time.time = lambda: now() + seconds
    time.time_ns = lambda: now_ns() + int(seconds * 1e9)


def _die_at(point, after):
    from octyseg.stages import crashpoints  # noqa: PLC0415 - before any stage takes its `pass_by` from there

    assert point in crashpoints.CrashPoint.__args__, f"there is no point {point}"
    left = after

    def pass_by(passed):
        nonlocal left
        left -= passed == point
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    crashpoints.pass_by = pass_by


def _block_as(file):
    # Handlers of signals run between two steps of the main thread: nothing of the loop turns meanwhile.
    signal.signal(signal.SIGRTMIN, lambda *_: time.sleep(float(Path(file).read_text(encoding="utf-8"))))


if __name__ == "__main__":
    if "AFFLICTED_SKEW_S" in os.environ:
        _skew(float(os.environ["AFFLICTED_SKEW_S"]))
    if "AFFLICTED_DIE_AT" in os.environ:
        _die_at(os.environ["AFFLICTED_DIE_AT"], int(os.environ.get("AFFLICTED_DIE_AFTER", "1")))
    if "AFFLICTED_BLOCK" in os.environ:
        _block_as(os.environ["AFFLICTED_BLOCK"])
    from octyseg.cli import main

    main()
