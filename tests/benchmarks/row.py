"""One row in a process of its own: `python -m tests.benchmarks.row ROW EVENTS`.

Where to work comes from the environment, as for any process of octyseg; what was measured goes to
standard output as the last line.
"""

import sys
from importlib import import_module

from octyseg import logs, settings


def main() -> None:
    """Measure and tell."""
    module, events = sys.argv[1:]
    logs.configure("warning", "pretty")
    measured = import_module(f"tests.benchmarks.rows.{module}").measure(settings.load(), int(events))
    sys.stdout.write(measured.line().decode() + "\n")


if __name__ == "__main__":
    main()
