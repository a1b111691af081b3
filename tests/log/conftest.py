"""What every log test is given; the adapters' own test files add `open_log`."""

import itertools
import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from octyseg.log.embedded import EmbeddedLog
from octyseg.log.kafka import KafkaLog

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


@pytest.fixture
async def open_kafka(kafka_broker):
    """Open logs on the broker of all, when nothing else is said; all are closed in the end."""
    opened = []

    async def open_kafka(server=kafka_broker.server, **options):
        log = KafkaLog([server], **options)
        await log.start()
        opened.append(log)
        return log

    yield open_kafka
    for log in opened:
        await log.close()


@pytest.fixture
async def admin(kafka_broker):
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_broker.server)
    await client.start()
    yield client
    await client.close()
