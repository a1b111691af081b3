"""A worker process: `python -m tests.benchmarks.latency.hosted dev|live|tags`; where, says the environment.

`dev` is `octyseg dev`, `live` is `octyseg worker live`; `tags` is the tags stage alone, without Redis.
"""

import sys

from octyseg import settings
from octyseg.cli import main
from topologies.worker import run

if __name__ == "__main__":
    name = sys.argv[1]
    if name == "tags":
        run(["tags"], settings.load())
    sys.argv = ["octyseg", *(["dev", "--quiet"] if name == "dev" else ["worker", name])]
    main()
