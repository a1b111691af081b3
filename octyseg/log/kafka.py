"""The log on Apache Kafka: the port's questions, each sent to the client that answers it.

Group membership, rebalances and commits while consuming are not here but in the hosts of the stages;
`commit` here is for groups without members. aiokafka's private state stays inside octyseg/log/kafka*.py.
"""

from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import CommitFailedError, UnknownMemberIdError

from octyseg.errors import LogUnavailable, UsageError
from octyseg.log.kafka_client import Connection, stopped
from octyseg.log.kafka_leaders import ends_by_leaders
from octyseg.log.kafka_reader import KafkaReader
from octyseg.log.kafka_security import PLAINTEXT, Security
from octyseg.log.kafka_topics import Topics
from octyseg.log.kafka_writer import Writer
from octyseg.log.port import Appended, NewRecord, TopicSpec


class KafkaLog:
    """One process' log on Kafka, between `start` and `close`; from many tasks of one loop.

    `patience_s` is how long a call waits for a broker that is away, `request_timeout_s` how long for one
    answer. `compression` is what appends are written with: none, gzip, snappy, lz4 or zstd.
    """

    def __init__(
        self,
        servers: Sequence[str],
        *,
        security: Security = PLAINTEXT,
        client_id: str = "octyseg",
        patience_s: float = 60.0,
        request_timeout_s: float = 10.0,
        compression: str | None = None,
    ) -> None:
        self._connection = Connection(servers, security, client_id, request_timeout_s, patience_s)
        self._writer = Writer(self._connection, compression)
        self._open = AsyncExitStack()

    async def start(self) -> None:
        """Connect; LogUnavailable when no broker answers within `patience_s`."""
        options = self._connection.options()
        self._admin: AIOKafkaAdminClient = await self._connection.started(
            lambda: AIOKafkaAdminClient(**options), stop="close"
        )
        self._open.push_async_callback(self._admin.close)
        # Questions for offsets have a connection of their own: a reader's waits for news on its.
        self._asker = await self._connected("read_committed")
        self._clock = await self._connected("read_uncommitted")
        self._open.push_async_callback(self._writer.close)
        self._topics = Topics(self._connection, self._admin)

    async def close(self) -> None:
        """Wait for appends under way and disconnect."""
        await self._open.aclose()

    async def _connected(self, isolation_level: str) -> AIOKafkaConsumer:
        options = self._connection.options()
        asker: AIOKafkaConsumer = await self._connection.started(
            lambda: AIOKafkaConsumer(**options, isolation_level=isolation_level)
        )
        self._open.push_async_callback(asker.stop)
        return asker

    async def create_topics(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make what is missing; returns the names made."""
        return await self._topics.create(specs)

    async def describe_topics(self) -> list[TopicSpec]:
        """The topics that this process may see, sorted by name."""
        return await self._topics.describe()

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""
        return await self._topics.partitions(topic)

    async def append(self, topic: str, partition: int, records: Sequence[NewRecord]) -> Appended:
        """Write all records in order and wait until every replica in sync has them."""
        await self._topics.require(topic, [partition])
        return await self._writer.append(topic, partition, records)

    async def ends(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Where each partition ends for a reader: an open transaction is not yet part of it."""
        await self._topics.require(topic, partitions)
        places = [TopicPartition(topic, partition) for partition in partitions]
        ends = await self._connection.ask("asking for ends", lambda: ends_by_leaders(self._asker, places))
        return {partition: ends[TopicPartition(topic, partition)] for partition in partitions}

    async def ends_as_of(
        self, topics: Sequence[str], partitions: Sequence[int]
    ) -> tuple[int, dict[tuple[str, int], int]]:
        """The broker's time when the question was sent, and the ends.

        What an open transaction has written had arrived by then, and nobody can read it yet: it is part of the ends.
        """
        for topic in topics:
            await self._topics.require(topic, partitions)
        places = [TopicPartition(topic, partition) for topic in topics for partition in partitions]

        async def ask() -> tuple[int, dict[TopicPartition, int]]:
            return self._writer.now_ms(), await ends_by_leaders(self._clock, places)

        now_ms, ends = await self._connection.ask("asking for ends", ask)
        return now_ms, {tuple(place): end for place, end in ends.items()}

    async def starts(self, topic: str, partitions: Sequence[int]) -> dict[int, int]:
        """Lowest offset that retention left."""
        await self._topics.require(topic, partitions)
        places = [TopicPartition(topic, partition) for partition in partitions]
        found = await self._connection.ask("asking for starts", lambda: self._asker.beginning_offsets(places))
        return {partition: found[TopicPartition(topic, partition)] for partition in partitions}

    async def committed(self, group: str, topic: str, partitions: Sequence[int]) -> dict[int, int | None]:
        """The committed offset, None where the group has none."""
        places = [TopicPartition(topic, partition) for partition in partitions]
        found = await self._connection.ask(
            f"asking for the offsets of group {group}",
            lambda: self._admin.list_consumer_group_offsets(group, partitions=places),
        )
        offsets = {place.partition: metadata.offset for place, metadata in found.items()}
        return {partition: None if offsets.get(partition, -1) < 0 else offsets[partition] for partition in partitions}

    async def commit(self, group: str, topic: str, offsets: dict[int, int]) -> None:
        """Set where a group without live members goes on."""
        places = {TopicPartition(topic, partition): offset for partition, offset in offsets.items()}

        def make() -> AIOKafkaConsumer:
            consumer = AIOKafkaConsumer(**self._connection.options(), group_id=group, enable_auto_commit=False)
            consumer.assign(list(places))
            return consumer

        consumer = await self._connection.started(make)
        try:
            async with self._connection.answering(f"committing for group {group}"):
                await consumer.commit(places)
        except LogUnavailable as error:
            if isinstance(error.__cause__, CommitFailedError | UnknownMemberIdError):
                msg = f"group {group} has live members, which commit for themselves: stop them first"
                raise UsageError(msg) from error
            raise
        finally:
            await stopped(consumer.stop)

    def reader(self) -> KafkaReader:
        """A reader without partitions."""
        return KafkaReader(self._connection)
