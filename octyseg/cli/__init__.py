"""The command line: one file per verb, and the door through which every error leaves as one line.

Data goes to stdout, messages to stderr. Exit codes: 0 done (diff: same), 1 it failed (diff: differs),
2 it was asked wrongly. Where to work is one setting, OCTYSEG_LOG.
"""

import atexit
import gc
import sys

from octyseg.cli.output import tell
from octyseg.cli.verbs import application, debug
from octyseg.errors import OctysegError


def main() -> None:
    """Entry point of the `octyseg` program."""
    # At its end Python looks through all that was ever loaded, for a quarter of what a verb costs.
    atexit.register(gc.freeze)
    try:
        application(prog_name="octyseg")
    except OctysegError as error:
        if debug.is_on:
            raise
        _tell(str(error))
        sys.exit(error.exit_code)
    except Exception as error:  # the last door: a bug shall not look like a crash of the machine
        if debug.is_on:
            raise
        _tell(f"internal error, {type(error).__name__}: {error}; `octyseg --debug ...` shows where, please report it")
        sys.exit(1)


def _tell(text: str) -> None:
    for line in text.splitlines():
        tell(f"octyseg: {line}", "red")
