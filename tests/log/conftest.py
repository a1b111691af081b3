"""What every log test is given; the adapters' own test files add `open_log`."""

import itertools
import uuid

import pytest

from octyseg.log.embedded import EmbeddedLog

pytest.register_assert_rewrite("tests.log.promises")


@pytest.fixture
def topic_name():
    """Names of topics that nobody has used yet."""
    prefix = f"t{uuid.uuid4().hex[:12]}"
    numbers = itertools.count()
    return lambda: f"{prefix}.{next(numbers)}"


@pytest.fixture
async def open_embedded(tmp_path):
    """Open embedded logs, on one file when nothing else is said; all are closed in the end."""
    logs = []

    async def open_embedded(path=tmp_path / "log.db", **options):
        log = EmbeddedLog(path, **options)
        logs.append(log)
        await log.start()
        return log

    yield open_embedded
    for log in logs:
        await log.close()
