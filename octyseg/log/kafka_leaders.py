"""Ends of partitions as their leaders tell them, and another broker's word that these lead.

A broker that slept, or that is cut off from the others, believes that it still leads and answers with an end that was
overtaken long ago. Who believed it would let time pass over events that somebody else has taken meanwhile, or take a
topic for one that was made again. Kafka fences such a leader where it writes and not where it answers.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import KafkaError, NotLeaderForPartitionError, RequestTimedOutError
from aiokafka.protocol.metadata import MetadataRequest

# So long may a broker think about who leads; then another one is asked.
_WITNESS_S = 1.0
# What aiokafka says of a partition without a leader, and of one that it does not know.
_NOBODY = (-1, None)


async def ends_by_leaders(asker: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
    """Where the partitions end, not before this call: one request to each leader, and one or two to others.

    Raises a KafkaError that may pass when leaders change, or nobody else can say who leads.
    """
    client: AIOKafkaClient = asker._client  # noqa: SLF001 - no other way to ask a certain broker
    for topic in {place.topic for place in places}:
        await client.add_topic(topic)
    believed = {place: client.cluster.leader_for_partition(place) for place in places}
    try:
        ends: dict[TopicPartition, int] = await asker.end_offsets(places)
        # A leader that others confirm after it answered was one when it did.
        await _confirm(client, believed)
    except KafkaError:
        client.force_metadata_update()
        raise
    return ends


async def _confirm(client: AIOKafkaClient, believed: Mapping[TopicPartition, int | None]) -> None:
    brokers = [broker.nodeId for broker in client.cluster.brokers()]
    if len(brokers) == 1:
        return  # there is nobody else to lead
    one, other = random.sample(brokers, 2)
    led_by_one = {place: leader for place, leader in believed.items() if leader == one}
    led_by_others = {place: leader for place, leader in believed.items() if leader != one}
    await asyncio.gather(_hear(client, one, led_by_others), _hear(client, other, led_by_one))


async def _hear(client: AIOKafkaClient, witness: int, believed: Mapping[TopicPartition, int | None]) -> None:
    """Raise NotLeaderForPartitionError unless the witness knows the same leaders."""
    if not believed:
        return
    topics = sorted({place.topic for place in believed})
    try:
        async with asyncio.timeout(_WITNESS_S):
            answer = await client.send(witness, MetadataRequest(topics, allow_auto_topic_creation=False))
    except TimeoutError:
        raise RequestTimedOutError from None
    known = ClusterMetadata()
    known.update_metadata(answer)
    for place, leader in believed.items():
        if leader in _NOBODY or known.leader_for_partition(place) != leader:
            raise NotLeaderForPartitionError(place)
