"""What every log test is given; the adapters' own test files add `open_log`."""

import itertools
import uuid

import pytest

pytest.register_assert_rewrite("tests.log.promises")


@pytest.fixture
def topic_name():
    """Names of topics that nobody has used yet."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    numbers = itertools.count()
    return lambda: f"{prefix}.{next(numbers)}"
