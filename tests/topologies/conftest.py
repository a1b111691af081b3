"""What tests of topologies are given."""

import uuid

import pytest


@pytest.fixture
def topic_prefix():
    """A namespace that nobody has used yet."""
    return f"t{uuid.uuid4().hex[:12]}."
