"""Appends to Kafka: hand-built record batches through one idempotent producer that waits for all replicas.

Appends of one partition are written in the order in which they were asked for, several at a time on
their way. A broker that is away is waited for; the producer repeats what was not acknowledged and the
broker drops what it has already. After any failure the producer is thrown away with all it still held,
because its sequence numbers no longer fit and a batch that we reported lost must not arrive an hour later.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaTimeoutError, MessageSizeTooLargeError, ProducerClosed, RecordListTooLargeError
from aiokafka.structs import RecordMetadata

from octyseg.errors import LogUnavailable, UsageError
from octyseg.log.kafka_client import Connection
from octyseg.log.port import Appended, NewRecord

# The broker's own default of message.max.bytes is 1,048,588, and it counts the batch as it arrives.
_MAX_BATCH_BYTES = 1_000_000
_LOG_APPEND_TIME = 1
_LEAVE_S = 3.0


class Writer:
    """The one producer of a log, made at the first append. Called from many tasks of one loop."""

    def __init__(self, connection: Connection, compression: str | None) -> None:
        self._connection = connection
        self._compression = compression
        self._producer: AIOKafkaProducer | None = None
        self._making = asyncio.Lock()
        self._order: defaultdict[tuple[str, int], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._leaving: set[asyncio.Task[None]] = set()
        self._clock: tuple[int, float] | None = None

    def now_ms(self) -> int:
        """The broker's time, never ahead of it; 0 before the first acknowledgement.

        The time of our own last acknowledged record, which the broker stamped, and what passed since the
        acknowledgement was here: a little less than what passed since the stamp.
        """
        if self._clock is None:
            return 0
        stamp_ms, arrived_s = self._clock
        return stamp_ms + int((time.monotonic() - arrived_s) * 1000)

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Appended:
        """Write all records and wait for the acknowledgement of the last.

        What fits into one batch stays together in the log; more than a megabyte is written as several.
        """
        assert records, "an append holds at least one record"
        doing = f"appending to {topic}-{partition}"
        producer: AIOKafkaProducer | None = None
        try:
            async with self._connection.answering(doing):
                # The lock keeps the order; it is let go before the acknowledgement, so that the next may follow.
                async with self._order[topic, partition]:
                    producer = self._producer or await self._ready()
                    batches = await _batches(producer, doing, records)
                    sent = [await _send(producer, batch, topic, partition) for batch in batches]
                acknowledged = [await future for future in sent]
                arrived_s = time.monotonic()
        except LogUnavailable as error:
            if producer is not None:
                self._discard(producer)
            if isinstance(error.__cause__, MessageSizeTooLargeError | RecordListTooLargeError):
                msg = f"{doing}: the broker refuses batches of this size, raise max.message.bytes of the topic"
                raise UsageError(msg) from error
            raise
        first, last = acknowledged[0], acknowledged[-1]
        _check(first, doing)
        _check(last, doing)
        self._clock = (last.timestamp, arrived_s)
        return Appended(first.offset, last.offset + batches[-1].record_count(), last.timestamp)

    async def close(self) -> None:
        """Wait a little for what is on its way, then let go of the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LEAVE_S):
                    await producer.flush()
            await _abandon(producer)
        if self._leaving:
            await asyncio.wait(self._leaving)

    async def _ready(self) -> AIOKafkaProducer:
        async with self._making:
            if self._producer is None:
                self._producer = await self._connection.started(self._make)
            return self._producer

    def _make(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            **self._connection.options(),
            acks="all",
            enable_idempotence=True,
            compression_type=self._compression,
            max_batch_size=_MAX_BATCH_BYTES,
        )
        # It gives up a batch that is older than a request may take when, after a restart of the broker,
        # the partition has no leader yet for a moment. An append has the patience that it was given.
        producer._message_accumulator._batch_ttl = self._connection.patience_s  # noqa: SLF001 - no other way
        return producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            leaving = asyncio.create_task(_abandon(producer))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)


async def _batches(producer: AIOKafkaProducer, doing: str, records: Sequence[NewRecord]) -> list[Any]:
    """The records in as few batches as hold them."""
    batches = [producer.create_batch()]
    append = batches[-1].append
    for key, value, headers in records:
        if append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
            # A full batch took a millisecond or two; others want to live too.
            await asyncio.sleep(0)
            batches.append(producer.create_batch())
            append = batches[-1].append
            append(timestamp=None, key=key, value=value, headers=list(headers))
    for batch in batches:
        # Only a batch that holds one record grows beyond its limit.
        if batch.size() > _MAX_BATCH_BYTES:
            msg = f"{doing}: a record of {batch.size():,} bytes is larger than the limit of {_MAX_BATCH_BYTES:,}"
            raise UsageError(msg)
    return batches


async def _send(producer: AIOKafkaProducer, batch: Any, topic: str, partition: int) -> "asyncio.Future[RecordMetadata]":
    """Hand over a batch; waits until the one before it is on its way, however long a broker is away."""
    while True:
        with suppress(KafkaTimeoutError):
            future: asyncio.Future[RecordMetadata] = await producer.send_batch(batch, topic, partition=partition)
            return future


def _check(acknowledged: RecordMetadata, doing: str) -> None:
    if acknowledged.timestamp_type != _LOG_APPEND_TIME:
        msg = f"{doing}: the topic keeps its producers' time, set its message.timestamp.type to LogAppendTime"
        raise UsageError(msg)
    if acknowledged.offset < 0:
        msg = f"{doing}: the broker has these records and no longer knows their offsets; start again"
        raise LogUnavailable(msg)


async def _abandon(producer: AIOKafkaProducer) -> None:
    """Close the producer and fail what it still holds, also when its broker is away.

    Its own `stop` waits until everything is delivered, and an idempotent producer never gives up.
    """
    sender = producer._sender  # noqa: SLF001 - no other way
    if sender.sender_task is not None:
        sender.sender_task.cancel()
        await asyncio.wait([sender.sender_task], timeout=_LEAVE_S)
        sender._sender_task = None  # noqa: SLF001 - so that `stop` only closes connections
    held = producer._message_accumulator  # noqa: SLF001 - no other way
    batches = [*held._pending_batches, *chain.from_iterable(held._batches.values())]  # noqa: SLF001 - as above
    # A batch that waits for another attempt is in neither place where its own callback looks for it.
    held._pending_batches.update(batches)  # noqa: SLF001 - as above
    held.fail_all(ProducerClosed())
    for batch in batches:
        # Whoever waited for it may have left already, and asyncio complains of errors that nobody looks at.
        batch.future.exception()
        if batch._drain_waiter.done():  # noqa: SLF001 - as above
            batch._drain_waiter.exception()  # noqa: SLF001 - as above
    await producer.stop()
