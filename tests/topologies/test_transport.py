"""The chunk transport's own accounting: what is committed is what was handled, and nothing else."""

import asyncio
import threading
from types import SimpleNamespace

import faust.transport
import pytest
from aiokafka import TopicPartition
from aiokafka.errors import (
    ConsumerStoppedError,
    GroupAuthorizationFailedError,
    InvalidSessionTimeoutError,
    KafkaError,
)
from faust.types import TP
from mode.threads import QueueServiceThread
from yarl import URL

from octyseg.errors import LogUnavailable, SettingsError
from octyseg.log.kafka_batches import FetchedBatch, chunk_of
from octyseg.settings import Settings
from topologies import transport
from topologies.app import make_app

EVENTS = "octyseg.events"
FIRST, SECOND = TP(EVENTS, 0), TP(EVENTS, 1)


class Owner:
    """Stands for the owner of aiokafka's consumer."""

    def __init__(self):
        self.commits = []
        self.answer = True
        self.answers = asyncio.Event()
        self.answers.set()
        self.mine = {FIRST, SECOND}

    def assignment(self):
        return set(self.mine)

    async def commit(self, offsets):
        self.commits.append(dict(offsets))
        await self.answers.wait()
        return self.answer


@pytest.fixture
async def app():
    app = make_app(Settings(log="kafka://127.0.0.1:9", instance_id="slot-0"), "live")
    app.finalize()
    return app


@pytest.fixture
async def owner():
    return Owner()


@pytest.fixture
async def consumer(app, owner):
    consumer = app.consumer
    consumer._thread = owner
    return consumer


class Service(QueueServiceThread):
    """A service as mode runs it in threads."""

    def __init__(self, fails=False):
        super().__init__(thread_loop=asyncio.get_running_loop(), Worker=transport.OnTheLoop)
        self._fails = fails

    async def on_start(self):
        if self._fails:
            raise ConnectionError("nobody is there")

    async def _gather_remaining_tasks(self):
        """The loop is the test's."""

    async def where(self):
        return threading.current_thread()


async def test_what_mode_runs_in_a_thread_is_served_on_the_loop_until_it_is_told_to_stop():
    before = set(threading.enumerate())
    service = Service()
    await service.start()
    assert set(threading.enumerate()) <= before
    assert await service.call_thread(service.where) is threading.current_thread()
    await asyncio.wait_for(service.stop(), 10)


async def test_a_service_that_cannot_start_says_why_to_who_started_it():
    service = Service(fails=True)
    with pytest.raises(ConnectionError, match="nobody is there"):
        await service.start()
    await asyncio.wait_for(service.stop(), 10)


async def test_the_consumer_that_ends_leaves_the_other_tasks_of_the_loop_alone(app):
    other = asyncio.create_task(asyncio.sleep(60))
    await app.consumer._thread._gather_remaining_tasks()
    assert not other.cancelled()
    assert other.cancel()


def test_faust_finds_the_transport_by_its_address():
    assert faust.transport.by_url(URL("chunks://127.0.0.1:9092")) is transport.Transport


async def test_the_app_tells_kafka_what_makes_a_restart_quick(app):
    assert app.conf.id == "octyseg.live"
    assert app.conf.consumer_group_instance_id == "slot-0"
    assert app.conf.broker == [URL("chunks://127.0.0.1:9")]
    assert app.conf.web_enabled is False
    assert str(app.conf.canonical_url) == "http://slot-0"


async def test_what_was_handled_is_committed_and_the_stage_is_told(consumer, owner):
    told = []

    async def on_committed(*place):
        told.append(place)

    consumer.on_committed = on_committed
    consumer.handled(EVENTS, 0, 7)
    consumer.handled(EVENTS, 0, 9)
    assert await consumer.commit()
    assert owner.commits == [{FIRST: 9}]
    assert told == [(EVENTS, 0, 9)]
    assert consumer.committed_offsets() == {(EVENTS, 0): 9, (EVENTS, 1): None}


async def test_what_is_committed_is_not_committed_again(consumer, owner):
    consumer.handled(EVENTS, 0, 9)
    await consumer.commit()
    await consumer.commit()
    consumer.handled(EVENTS, 1, 3)
    await consumer.commit()
    assert owner.commits == [{FIRST: 9}, {SECOND: 3}]


async def test_a_commit_that_failed_is_tried_again(consumer, owner):
    owner.answer = False
    consumer.handled(EVENTS, 0, 9)
    assert not await consumer.commit()
    assert consumer.committed_offsets()[EVENTS, 0] is None
    owner.answer = True
    assert await consumer.commit()
    assert owner.commits == [{FIRST: 9}, {FIRST: 9}]


async def test_what_was_handled_during_a_commit_is_committed_before_its_partition_goes(consumer, owner):
    owner.answers.clear()
    consumer.handled(EVENTS, 0, 9)
    under_way = asyncio.create_task(consumer.commit())
    while not owner.commits:  # noqa: ASYNC110 - one turn of the loop is enough
        await asyncio.sleep(0)
    consumer.handled(EVENTS, 0, 12)
    last = asyncio.create_task(consumer.commit_all())
    await asyncio.sleep(0)
    owner.answers.set()
    await asyncio.gather(under_way, last)
    assert owner.commits == [{FIRST: 9}, {FIRST: 12}]


async def test_a_partition_that_is_not_ours_is_not_committed(consumer, owner):
    owner.mine = {SECOND}
    consumer.handled(EVENTS, 0, 9)
    assert not await consumer.commit()
    assert owner.commits == []


async def test_what_faust_notes_of_acks_is_neither_committed_nor_kept(consumer, owner):
    consumer._acked[FIRST] += [1, 2, 3]
    consumer._acked_index[FIRST] |= {1, 2, 3}
    assert not await consumer.commit()
    assert owner.commits == []
    assert not consumer._acked
    assert not consumer._acked_index


async def test_gaps_between_chunks_are_not_noted(consumer):
    await consumer._add_gap(FIRST, 1, 1_000_000)
    assert not consumer._gap[FIRST]


async def test_another_assignment_forgets_what_was_not_committed(consumer, owner):
    async def assigned(*_):
        """Nothing follows here."""

    consumer._on_partitions_assigned = assigned
    consumer.app.on_rebalance_start()
    consumer.handled(EVENTS, 0, 9)
    await consumer.on_partitions_assigned({FIRST}, 2)
    assert not await consumer.commit()
    assert owner.commits == []


async def test_a_chunk_travels_as_one_message_at_the_place_of_its_last_record(consumer):
    chunk = chunk_of(TopicPartition(EVENTS, 0), [FetchedBatch(None, 4, 9)], generation=3)
    message = consumer._to_message(FIRST, chunk)
    assert message.value is chunk
    assert (message.tp, message.offset, message.generation_id) == (FIRST, 8, 3)


async def test_chunks_of_an_assignment_that_is_over_are_not_given_away(consumer, owner):
    old, new = (chunk_of(TopicPartition(EVENTS, 0), [FetchedBatch(None, 4, 9)], generation=g) for g in (1, 2))
    answers = [{FIRST: old}, {FIRST: new}]

    async def getmany(active, wait_s):
        return answers.pop(0)

    owner.getmany = getmany
    consumer.app.consumer_generation_id = 2
    consumer._set_active_tps({FIRST})
    assert [message.value async for _, message in consumer.getmany(1.0)] == []
    assert [message.value async for _, message in consumer.getmany(1.0)] == [new]


async def test_a_chunk_that_comes_before_the_flow_goes_on_is_given_away_then(consumer, owner):
    early = {tp: chunk_of(TopicPartition(*tp), [FetchedBatch(None, 4, 9)], generation=2) for tp in (FIRST, SECOND)}

    async def getmany(active, wait_s):
        consumer.stop_flow()
        return early

    owner.getmany = getmany
    consumer.app.consumer_generation_id = 2
    consumer._set_active_tps({FIRST, SECOND})
    assert [message.value async for _, message in consumer.getmany(1.0)] == []
    consumer.resume_flow()
    assert [message.value async for _, message in consumer.getmany(1.0)] == list(early.values())


async def test_a_chunk_that_is_quicker_than_the_news_of_its_assignment_waits_for_it(consumer, owner):
    early = chunk_of(TopicPartition(EVENTS, 0), [FetchedBatch(None, 4, 9)], generation=2)

    async def getmany(active, wait_s):
        return {FIRST: early}

    owner.getmany = getmany
    consumer.app.consumer_generation_id = 1
    consumer._set_active_tps({FIRST})
    assert [message.value async for _, message in consumer.getmany(1.0)] == []
    consumer.app.consumer_generation_id = 2
    assert [message.value async for _, message in consumer.getmany(1.0)] == [early]


async def test_chunks_are_handed_over_until_the_fetcher_is_told_to_stop(consumer, owner):
    chunks = [chunk_of(TopicPartition(EVENTS, 0), [FetchedBatch(None, at, at + 5)]) for at in (0, 5)]
    fetcher = SimpleNamespace(should_stop=False)
    handed = []

    async def getmany(active, wait_s):
        return {FIRST: chunks[len(handed)]}

    async def hand_over(message):
        handed.append(message.value)
        fetcher.should_stop = handed == chunks

    owner.getmany, consumer.callback = getmany, hand_over
    consumer.app.consumer_generation_id = 0
    consumer._set_active_tps({FIRST})
    async with asyncio.timeout(10):
        await consumer._drain_messages(fetcher)
    assert handed == chunks


@pytest.mark.parametrize("error", [ConsumerStoppedError, asyncio.CancelledError])
async def test_a_reading_that_is_ended_is_no_failure_only_while_the_app_stops(consumer, owner, error):
    async def getmany(active, wait_s):
        raise error

    owner.getmany = getmany
    consumer._set_active_tps({FIRST})
    with pytest.raises(error):
        await consumer._drain_messages(SimpleNamespace(should_stop=False))
    consumer.app._stopped.set()
    await consumer._drain_messages(SimpleNamespace(should_stop=False))


async def test_the_partitions_we_have_are_those_of_the_last_assignment(consumer):
    owner = transport.ConsumerOnTheLoop(consumer)
    places = frozenset({TopicPartition(EVENTS, 0)})
    owner._consumer = SimpleNamespace(assignment=lambda: places)
    mine = owner.assignment()
    assert mine == {FIRST}
    assert all(isinstance(place, TP) for place in mine)
    mine.clear()
    assert owner.assignment() == {FIRST}
    places = frozenset({TopicPartition(EVENTS, 1)})
    assert owner.assignment() == {SECOND}


async def test_fetches_of_a_worker_follow_each_other_at_a_pace(app, monkeypatch):
    paced = []
    monkeypatch.setattr(transport, "pace_fetches", lambda consumer, every_s: paced.append((consumer, every_s)))
    consumer = transport.ConsumerOnTheLoop(app.consumer)._create_consumer(app.loop)
    ((given, every_s),) = paced
    await consumer.stop()
    assert given is consumer
    assert 0 < every_s < 0.1


async def test_reading_does_not_sleep_through_a_buffer_that_empties(consumer, owner):
    timeouts = []

    async def getmany(active, wait_s):
        timeouts.append(wait_s)
        return {}

    owner.getmany = getmany
    consumer._set_active_tps({FIRST, SECOND})
    assert [pair async for pair in consumer.getmany(1.0)] == []
    consumer.on_buffer_full(SECOND)
    assert [pair async for pair in consumer.getmany(1.0)] == []
    assert timeouts[0] == 1.0
    assert timeouts[1] < 0.1


@pytest.mark.parametrize(
    ("pushed", "raised", "told"),
    [
        (GroupAuthorizationFailedError("octyseg.live"), SettingsError, "octyseg.live"),
        (InvalidSessionTimeoutError(), SettingsError, "OCTYSEG_SESSION_TIMEOUT_S"),
        (KafkaError("an answer that aiokafka does not know"), LogUnavailable, "aiokafka does not know"),
    ],
)
async def test_what_keeps_a_worker_out_of_its_group_is_heard(consumer, pushed, raised, told):
    """aiokafka puts it where only reading looks, and goes on once it was taken: nothing reads without partitions."""

    class Coordinator:
        def check_errors(self):
            raise pushed

    owner = consumer._thread = transport.ConsumerOnTheLoop(consumer)
    consumer.check_group()  # there is no consumer yet
    owner._consumer = SimpleNamespace(_coordinator=None)
    consumer.check_group()  # it has not started yet
    owner._consumer = SimpleNamespace(_coordinator=Coordinator())
    with pytest.raises(raised, match=told):
        consumer.check_group()
