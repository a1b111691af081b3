"""Reads chosen partitions of Kafka at positions of its own, in chunks of unopened record batches.

A consumer without a group: nobody assigns partitions to it and it commits nothing. A position that
retention has overtaken goes on at the lowest offset there is. Connects at its first read.
"""

import asyncio

from aiokafka import AIOKafkaConsumer, TopicPartition

from octyseg.errors import LogUnavailable
from octyseg.log.kafka_batches import chunk_of, keep_batches
from octyseg.log.kafka_client import Connection, stopped, translated
from octyseg.log.port import Chunk

# With batches this counts batches: high enough that the fetch size is the bound.
MAX_BATCHES = 1_000


class KafkaReader:
    """One reader of one task; `close` it, it holds connections."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._positions: dict[TopicPartition, int] = {}
        self._moved: set[TopicPartition] = set()
        self._assigned: set[TopicPartition] = set()
        self._starting: asyncio.Task[AIOKafkaConsumer] | None = None

    def seek(self, topic: str, partition: int, offset: int) -> None:
        """Read on from here."""
        place = TopicPartition(topic, partition)
        self._positions[place] = offset
        self._moved.add(place)

    def drop(self, topic: str, partition: int) -> None:
        """Stop reading the partition."""
        place = TopicPartition(topic, partition)
        self._positions.pop(place, None)
        self._moved.discard(place)

    async def read(self, wait_s: float) -> list[Chunk]:
        """What was fetched; positions move only with what is given away, so a cancelled read loses nothing."""
        if not self._positions:
            await asyncio.sleep(wait_s)
            return []
        if self._starting is None:
            self._starting = asyncio.create_task(self._connection.started(self._make))
        try:
            consumer = await asyncio.shield(self._starting)
        except LogUnavailable:
            # The next read tries again.
            self._starting = None
            raise
        self._place(consumer)
        with translated("reading"):
            fetched = await consumer.getmany(timeout_ms=int(wait_s * 1000))
        chunks = [chunk_of(place, batches) for place, batches in fetched.items()]
        for place, chunk in zip(fetched, chunks, strict=True):
            self._positions[place] = chunk.next_offset
        return chunks

    async def close(self) -> None:
        """Let go of the connections."""
        if self._starting is None:
            return
        if not self._starting.done():
            self._starting.cancel()
        await asyncio.wait([self._starting])
        if not self._starting.cancelled() and self._starting.exception() is None:
            await stopped(self._starting.result().stop)

    def _make(self) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **self._connection.options(),
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_poll_records=MAX_BATCHES,
        )
        keep_batches(consumer)
        return consumer

    def _place(self, consumer: AIOKafkaConsumer) -> None:
        """Tell the consumer what changed since the last read."""
        if self._assigned != self._positions.keys():
            # An assignment replaces the one before it, and with it every position.
            self._assigned = set(self._positions)
            consumer.assign(list(self._assigned))
            self._moved = set(self._assigned)
        for place in self._moved:
            consumer.seek(place, self._positions[place])
        self._moved.clear()
