"""How many cases a property is tried on: enough for every change in `make test`, ten times that in `make simulate`."""

import os

from hypothesis import settings

LENGTH = int(os.environ.get("OCTYSEG_TEST_LENGTH", "1"))


def tries(count):
    """Hypothesis's settings for so many cases, or as many times more as OCTYSEG_TEST_LENGTH says."""
    return settings(max_examples=count * LENGTH, deadline=None)
