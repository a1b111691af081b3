"""Topics on Kafka: made with their policies, described, and checked for what the log promises of time and of keeping.

Every topic stamps its records with the broker's time (LogAppendTime): replayed events of last year
would otherwise fall to retention at once, and arrival times would be the producers'. A topic that was
made elsewhere without it is refused, and so is one that forgets what has to stay: states and definitions
by their age, or events by their key. Reads metadata and configuration, never records.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    InvalidTopicError,
    KafkaError,
    NoError,
    TopicAlreadyExistsError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.metadata import MetadataRequest

from octyseg.errors import UsageError
from octyseg.log.kafka_client import Connection, retried_while_away
from octyseg.log.port import TopicSpec

_STAMPS = "message.timestamp.type"
_ARRIVAL = "LogAppendTime"
_ABSENT = (UnknownTopicOrPartitionError, InvalidTopicError, TopicAuthorizationFailedError)
_CLEANUP = "cleanup.policy"
_CONFIGS = (_CLEANUP, "retention.ms", _STAMPS)


class Topics:
    """Questions about topics through one admin client; lives as long as the log that owns it."""

    def __init__(self, connection: Connection, admin: AIOKafkaAdminClient) -> None:
        self._connection = connection
        self._admin = admin
        self._counts: dict[str, int] = {}

    async def create(self, specs: Iterable[TopicSpec]) -> list[str]:
        """Make what is missing with the broker's default replication; returns the names made."""
        wanted = {spec.name: spec for spec in specs}
        made: set[str] = set()

        async def make_missing() -> None:
            # All of it is tried again when a topic comes or goes on the way.
            there = {topic["topic"]: topic for topic in await self._metadata(None)}
            await self._check(wanted, [there[name] for name in wanted if name in there])
            missing = [spec for name, spec in wanted.items() if name not in there]
            if missing:
                response = await self._admin.create_topics([_new_topic(spec) for spec in missing])
                made.update(name for name, code, _ in response.topic_errors if not code)
                # Another process may have been quicker and have meant something else.
                await self._check(wanted, await self._metadata(_refused_as_there(response.topic_errors)))

        async with self._connection.answering("creating topics"):
            await retried_while_away(make_missing)
            # The controller answers before the broker that will be asked next has heard of the topic.
            await retried_while_away(lambda: self._metadata(sorted(made)))
        return [name for name in wanted if name in made]

    async def describe(self) -> list[TopicSpec]:
        """Every topic but Kafka's own, sorted by name."""

        async def ask() -> list[TopicSpec]:
            topics = [topic for topic in await self._metadata(None) if not topic["is_internal"]]
            counts = {topic["topic"]: len(topic["partitions"]) for topic in topics}
            configs = await self._configs(counts)
            return sorted(_spec(name, counts[name], configs[name]) for name in counts)

        return await self._connection.ask("describing topics", ask)

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has."""

        async def ask() -> int | KafkaError:
            try:
                (found,) = await self._metadata([topic])
            except _ABSENT as error:
                return error
            return len(found["partitions"])

        count = await self._connection.ask(f"asking for topic {topic}", ask)
        if isinstance(count, KafkaError):
            msg = f"there is no topic {topic} that this process may see: create it first ({count})"
            raise UsageError(msg)
        self._counts[topic] = count
        return count

    async def require(self, topic: str, partitions: Sequence[int]) -> None:
        """Raise UsageError unless the topic has all these partitions; asks the broker only about news."""
        highest = max(partitions, default=0)
        if highest >= self._counts.get(topic, 0) and highest >= await self.partitions(topic):
            msg = f"topic {topic} has no partition {highest}"
            raise UsageError(msg)

    async def _check(self, wanted: Mapping[str, TopicSpec], found: Iterable[dict[str, Any]]) -> None:
        """Raise UsageError for a topic that is not as wanted; takes metadata."""
        counts = {topic["topic"]: len(topic["partitions"]) for topic in found}
        configs = await self._configs(counts)
        for name, count in counts.items():
            spec = wanted[name]
            if count != spec.partitions:
                msg = (
                    f"topic {spec.name} has {count} partitions, not {spec.partitions}: "
                    "a topic keeps the partitions it was made with, use another prefix"
                )
                raise UsageError(msg)
            policy, needed = configs[name][_CLEANUP], configs_of(spec)[_CLEANUP]
            if policy != needed:
                msg = (
                    f"topic {spec.name} has {_CLEANUP}={policy}, which takes away what is still wanted: "
                    f"set {_CLEANUP}={needed} with kafka-configs"
                )
                raise UsageError(msg)
            if configs[name][_STAMPS] != _ARRIVAL:
                msg = (
                    f"topic {spec.name} stamps records with their producer's time: "
                    f"set {_STAMPS}={_ARRIVAL} with kafka-configs"
                )
                raise UsageError(msg)

    async def _metadata(self, names: list[str] | None) -> list[dict[str, Any]]:
        """Metadata of these topics (None: of all); raises what the broker complains of, which may pass."""
        if names == []:
            return []
        # The client's own question has a broker make topics that are missing, as is its default.
        question = MetadataRequest(names, allow_auto_topic_creation=False)
        answer = await self._admin._send_request(question)  # noqa: SLF001 - no other way to say so
        topics: list[dict[str, Any]] = answer.to_object()["topics"]
        for topic in topics:
            complaint = for_code(topic["error_code"])
            if complaint is not NoError:
                raise complaint(topic["topic"])
        return topics

    async def _configs(self, names: Iterable[str]) -> dict[str, dict[str, str]]:
        asked = [ConfigResource(ConfigResourceType.TOPIC, name, dict.fromkeys(_CONFIGS, "")) for name in names]
        if not asked:
            return {}
        (response,) = await self._admin.describe_configs(asked)
        for code, reason, _, name, _ in response.resources:
            if code == UnknownTopicOrPartitionError.errno:
                # Made or deleted just now, which this broker knows and another did not, or the other way round.
                raise UnknownTopicOrPartitionError(name)
            if code:
                msg = f"kafka does not tell the configuration of topic {name}: {reason or for_code(code).__name__}"
                raise UsageError(msg)
        return {name: {entry[0]: entry[1] for entry in entries} for _, _, _, name, entries in response.resources}


def configs_of(spec: TopicSpec) -> dict[str, str]:
    """How a topic has to be configured, in Kafka's words."""
    return {
        _CLEANUP: "compact" if spec.compacted else "delete",
        "retention.ms": str(spec.retention_ms),
        _STAMPS: _ARRIVAL,
    }


def _refused_as_there(answers: Iterable[tuple[str, int, str | None]]) -> list[str]:
    """The names that somebody else had made; raises UsageError for what was refused otherwise."""
    there = []
    for name, code, reason in answers:
        if code == TopicAlreadyExistsError.errno:
            there.append(name)
        elif code:
            msg = f"kafka refuses to make topic {name}: {reason or for_code(code).__name__}"
            raise UsageError(msg)
    return there


def _new_topic(spec: TopicSpec) -> NewTopic:
    # -1 is the broker's default replication, which aiokafka lets through only beside explicit replicas.
    return NewTopic(spec.name, spec.partitions, -1, replica_assignments={}, topic_configs=configs_of(spec))


def _spec(name: str, partitions: int, configs: dict[str, str]) -> TopicSpec:
    compacted = "compact" in configs[_CLEANUP]
    return TopicSpec(name, partitions, compacted, -1 if compacted else int(configs["retention.ms"]))
