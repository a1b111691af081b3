"""What a test needs and a machine may lack: left out loudly by a contributor's run, and never in CI."""

import os

import pytest


def leave_out(reason):
    """Skip whatever asks for this; in CI, fail it."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
