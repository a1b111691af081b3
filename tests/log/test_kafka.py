"""The log on a real Kafka broker keeps every promise of the port."""

import pytest

from octyseg.log.kafka import KafkaLog
from tests.log.promises import LogPromises

pytestmark = pytest.mark.kafka


class TestKafkaKeepsThePromises(LogPromises):
    @pytest.fixture
    async def open_log(self, kafka_broker):
        opened = []

        async def open_log():
            log = KafkaLog([kafka_broker.server])
            await log.start()
            opened.append(log)
            return log

        yield open_log
        for log in opened:
            await log.close()
