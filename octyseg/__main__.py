"""The `octyseg` program, and `python -m octyseg`."""

import gc

# What is loaded are objects by the hundred thousand and hardly any garbage. To look for some after every 700, as Python
# does of itself, takes an eighth of the time in which a verb or a worker begins.
gc.set_threshold(50_000)

from octyseg.cli import main  # noqa: E402 - after that

if __name__ == "__main__":
    main()
