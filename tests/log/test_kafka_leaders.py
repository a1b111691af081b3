"""Whose end is believed: that of a leader that another broker confirms."""

import asyncio
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition
from aiokafka.cluster import ClusterMetadata
from aiokafka.errors import NotLeaderForPartitionError, RequestTimedOutError

from octyseg.log import kafka_leaders
from octyseg.log.kafka_leaders import ends_by_leaders

NUMBERS = range(6)
PLACES = [TopicPartition("events", number) for number in NUMBERS]


def metadata(leaders, brokers):
    """An answer of a broker: who leads the partitions, and who is there."""
    partitions = [(0, number, leader, [leader], [leader]) for number, leader in enumerate(leaders)]
    return SimpleNamespace(
        API_VERSION=1,
        brokers=[(broker, "127.0.0.1", 9, None) for broker in brokers],
        controller_id=0,
        topics=[(0, "events", False, partitions)],
    )


class Brokers:
    """A client of brokers that each have their own view of who leads; one whose view is None does not answer."""

    def __init__(self, believed, views):
        self.views = views
        self.asked = []
        self.looked_again = 0
        self.cluster = ClusterMetadata()
        self.cluster.update_metadata(metadata(believed, views))

    async def add_topic(self, topic):
        assert topic == "events"

    def force_metadata_update(self):
        self.looked_again += 1

    async def send(self, broker, request):
        self.asked.append(broker)
        view = self.views[broker]
        await (asyncio.sleep(0) if view else asyncio.Event().wait())
        return metadata(view, self.views)

    async def ends(self):
        async def end_offsets(places):
            self.asked.append("leaders")
            return dict.fromkeys(places, 7)

        return await ends_by_leaders(SimpleNamespace(_client=self, end_offsets=end_offsets), PLACES)


async def test_leaders_that_others_confirm_are_believed():
    brokers = Brokers([1, 2, 3] * 2, dict.fromkeys((1, 2, 3), [1, 2, 3] * 2))
    assert await brokers.ends() == dict.fromkeys(PLACES, 7)
    leaders, *witnesses = brokers.asked
    assert leaders == "leaders", "who was confirmed before it answers may have been overtaken when it does"
    assert len(set(witnesses)) == len(witnesses) == 2, "nobody confirms itself"
    assert brokers.looked_again == 0


@pytest.mark.parametrize("overtaken", NUMBERS)
async def test_a_leader_is_not_believed_where_another_leads(overtaken):
    believed = [1] * 6
    actual = [2 if number == overtaken else 1 for number in NUMBERS]
    for _ in range(10):
        brokers = Brokers(believed, {1: believed, 2: actual, 3: actual})
        with pytest.raises(NotLeaderForPartitionError):
            await brokers.ends()
        assert brokers.looked_again == 1


async def test_a_broker_alone_needs_nobodys_word():
    brokers = Brokers([1] * 6, {1: None})
    assert await brokers.ends() == dict.fromkeys(PLACES, 7)
    assert brokers.asked == ["leaders"]


async def test_who_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(kafka_leaders, "_WITNESS_S", 0.01)
    brokers = Brokers([1] * 6, {1: [1] * 6, 2: None})
    with pytest.raises(RequestTimedOutError):
        await brokers.ends()
    assert brokers.looked_again == 1


async def test_a_partition_that_is_led_by_nobody_has_no_end():
    brokers = Brokers([-1] * 6, {1: [-1] * 6, 2: [-1] * 6})
    with pytest.raises(NotLeaderForPartitionError):
        await brokers.ends()
