"""Fetches follow each other at a pace, and nothing else waits for it."""

from types import SimpleNamespace

import pytest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.protocol.metadata import MetadataRequest

from octyseg.log.kafka_pacing import pace_fetches

FETCH = FetchRequest(200, 1, 1_000_000, 1, [])


class Consumer:
    """A consumer whose broker answers after 5 ms of a time that only we let pass."""

    def __init__(self):
        self.now_s = 100.0
        self.sent_s = []
        self.fails = False
        self.answer = SimpleNamespace(topics=[("octyseg.events", [(0, 0, 9, b""), (1, 0, 9, None)])])
        self._client = SimpleNamespace(send=self._send)

    async def _send(self, node, request, **options):
        self.sent_s.append(self.now_s)
        self.now_s += 0.005
        if self.fails:
            raise ConnectionError
        return self.answer

    async def sleep(self, seconds):
        self.now_s += seconds

    def monotonic(self):
        return self.now_s


@pytest.fixture
def consumer():
    consumer = Consumer()
    pace_fetches(consumer, 0.02, monotonic=consumer.monotonic, sleep=consumer.sleep)
    return consumer


async def test_a_fetch_waits_until_its_broker_answered_long_enough_ago(consumer):
    for _ in range(3):
        assert await consumer._client.send(1, FETCH) is consumer.answer
    assert consumer.sent_s == pytest.approx([100.0, 100.025, 100.05])


async def test_a_fetch_after_a_quiet_time_goes_at_once(consumer):
    await consumer._client.send(1, FETCH)
    consumer.now_s = 101.0
    await consumer._client.send(1, FETCH)
    assert consumer.sent_s == [100.0, 101.0]


async def test_a_backlog_is_read_without_a_pause(consumer):
    consumer.answer.topics[0][1][:] = [(number, 0, 9, bytes(50_000)) for number in range(2)]
    for _ in range(2):
        await consumer._client.send(1, FETCH)
    assert consumer.sent_s == pytest.approx([100.0, 100.005])


async def test_other_brokers_and_other_questions_do_not_wait(consumer):
    await consumer._client.send(1, FETCH)
    await consumer._client.send(2, FETCH)
    await consumer._client.send(1, MetadataRequest([]), group="coordination")
    assert consumer.sent_s == pytest.approx([100.0, 100.005, 100.01])


async def test_a_fetch_that_failed_is_not_repeated_at_full_speed(consumer):
    consumer.fails = True
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await consumer._client.send(1, FETCH)
    assert consumer.sent_s == pytest.approx([100.0, 100.025])
