"""The embedded log: the promises, and what is particular to one file on one machine."""

import pytest

from octyseg.log.embedded import EmbeddedLog
from tests.log.promises import LogPromises


@pytest.fixture
async def open_embedded(tmp_path):
    """Open logs, on one file when nothing else is said; all are closed in the end."""
    logs = []

    async def open_embedded(path=tmp_path / "log.db", **options):
        log = EmbeddedLog(path, **options)
        logs.append(log)
        await log.start()
        return log

    yield open_embedded
    for log in logs:
        await log.close()


class TestEmbeddedKeepsThePromises(LogPromises):
    @pytest.fixture
    def open_log(self, open_embedded):
        return open_embedded
