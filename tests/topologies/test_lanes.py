"""What lanes promise a stage, whatever a group does to the assignment. No Kafka, no Faust."""

import asyncio
from collections import defaultdict
from contextlib import nullcontext, suppress

import pytest
from aiokafka import TopicPartition

from octyseg import metrics
from octyseg.errors import Fenced, LogDamaged, LogUnavailable
from octyseg.log.kafka_batches import FetchedBatch, chunk_of
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, StoredRecord, TopicSpec
from topologies.lanes import Lanes

EVENTS, COMMANDS = "events", "commands"
GROUP = "octyseg.noting"


class Stored:
    """A batch as a broker keeps it, for FetchedBatch to open."""

    def __init__(self, offsets):
        self.offsets = offsets
        self.base_offset = offsets[0]

    def __iter__(self):
        return (StoredRecord(offset, 0, b"k", b"v") for offset in self.offsets)


def chunk(start, stop, generation=1, *, topic=EVENTS, number=0, read_from=None):
    """Records start to stop - 1 in one batch."""
    position = start if read_from is None else read_from
    return chunk_of(
        TopicPartition(topic, number), [FetchedBatch(Stored(range(start, stop)), position, stop)], generation
    )


class NotingStage:
    """Writes down what it is told; `gate` holds chunks in hand, `error` is raised by the next one."""

    name = "noting"
    inputs = (EVENTS, COMMANDS)

    def __init__(self):
        self.story = []
        self.positions = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.opening_gate = asyncio.Event()
        self.opening_gate.set()
        self.error = None
        self.in_hand = defaultdict(int)

    async def start(self): ...

    async def stop(self): ...

    async def open(self, partition, positions):
        self.story.append(("opening", partition))
        await self.opening_gate.wait()
        self.positions[partition] = dict(positions)
        self.story.append(("open", partition))

    async def handle(self, chunk):
        self.in_hand[chunk.partition] += 1
        assert self.in_hand[chunk.partition] == 1, "two chunks of one partition at a time"
        try:
            await self.gate.wait()
            if self.error is not None:
                raise self.error
            offsets = [record.offset for batch in chunk.batches for record in batch]
            self.story.append((chunk.topic, chunk.partition, offsets))
        finally:
            self.in_hand[chunk.partition] -= 1

    async def tick(self):
        if self.error is not None:
            raise self.error
        self.story.append(("tick",))

    async def committed(self, topic, partition, offset):
        self.story.append(("committed", topic, partition, offset))

    async def close(self, partition):
        assert not self.in_hand[partition], "closed with a chunk in hand"
        self.story.append(("close", partition))

    def told(self, word):
        return [entry for entry in self.story if entry[0] == word]


class Desk:
    """Lanes over a memory log, and what they tell their host."""

    def __init__(self, **options):
        self.now_ms = 1_000
        self.log = MemoryLog(lambda: self.now_ms)
        self.stage = NotingStage()
        self.handled = []
        self.ended = []
        self.lanes = Lanes(
            self.stage,
            self.log,
            GROUP,
            handled=lambda *place: self.handled.append(place),
            end=self.ended.append,
            **{"drain_s": 30.0, "fenced_s": 30.0, **options},
        )

    async def prepare(self):
        specs = [TopicSpec(name, 4, compacted=False, retention_ms=1_000) for name in self.stage.inputs]
        await self.log.create_topics(specs)


async def turns(count=20):
    """Let every task that can go on go on."""
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.fixture
async def desk():
    desk = Desk()
    await desk.prepare()
    yield desk
    desk.stage.gate.set()
    desk.stage.opening_gate.set()
    desk.stage.error = None
    await desk.lanes.close()


async def test_a_chunk_waits_until_its_partition_is_open(desk):
    desk.stage.opening_gate.clear()
    await desk.lanes.assign({0}, 1)
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 3)))
    await turns()
    assert desk.stage.told(EVENTS) == []
    assert desk.lanes.idle() == set()
    desk.stage.opening_gate.set()
    await taking
    assert desk.stage.story == [("opening", 0), ("open", 0), (EVENTS, 0, [0, 1, 2])]
    assert desk.handled == [(EVENTS, 0, 3)]
    assert desk.lanes.idle() == {0}


async def test_a_chunk_that_is_quicker_than_the_news_of_its_assignment_waits_for_it(desk):
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 2)))
    await turns()
    assert not taking.done()
    await desk.lanes.assign({0}, 1)
    await taking
    assert desk.stage.told(EVENTS) == [(EVENTS, 0, [0, 1])]


async def test_a_chunk_of_another_assignment_is_never_handled(desk):
    await desk.lanes.assign({0}, 1)
    await desk.lanes.revoke()
    await desk.lanes.take(chunk(0, 2))
    await desk.lanes.assign({0}, 2)
    await desk.lanes.take(chunk(0, 2))
    assert desk.stage.told(EVENTS) == []
    assert desk.handled == []
    await desk.lanes.take(chunk(0, 2, generation=2))
    assert desk.stage.told(EVENTS) == [(EVENTS, 0, [0, 1])]


async def test_a_chunk_of_a_partition_that_is_not_ours_is_dropped(desk):
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 2, number=3))
    assert desk.stage.told(EVENTS) == []


async def test_chunks_of_one_partition_are_handled_one_at_a_time_across_topics(desk):
    await desk.lanes.assign({0, 1}, 1)
    desk.stage.gate.clear()
    taking = [
        asyncio.create_task(desk.lanes.take(chunk(0, 1))),
        asyncio.create_task(desk.lanes.take(chunk(0, 1, topic=COMMANDS))),
        asyncio.create_task(desk.lanes.take(chunk(0, 1, number=1))),
    ]
    await turns()
    assert desk.stage.in_hand == {0: 1, 1: 1}
    assert desk.lanes.idle() == set()
    desk.stage.gate.set()
    await asyncio.gather(*taking)
    assert sorted(desk.handled) == [(COMMANDS, 0, 1), (EVENTS, 0, 1), (EVENTS, 1, 1)]


async def test_a_partition_opens_where_the_group_goes_on(desk):
    await desk.log.append(EVENTS, 2, [NewRecord(b"k", b"v")] * 9)
    await desk.log.commit(GROUP, EVENTS, {2: 7})
    await desk.lanes.assign({2}, 1)
    await turns()
    assert desk.stage.positions == {2: {EVENTS: 7, COMMANDS: 0}}


async def test_a_partition_that_stays_is_not_opened_again_and_one_that_goes_is_closed(desk):
    await desk.lanes.assign({0, 1}, 1)
    await turns()
    await desk.lanes.revoke()
    await desk.lanes.assign({1, 2}, 2)
    await turns()
    assert desk.stage.told("open") == [("open", 0), ("open", 1), ("open", 2)]
    assert desk.stage.told("close") == [("close", 0)]


async def test_a_partition_that_stays_is_opened_again_when_an_assignment_was_missed(desk):
    await desk.lanes.assign({0}, 1)
    await turns()
    await desk.lanes.revoke()
    await desk.lanes.assign({0}, 3)
    await turns()
    assert desk.stage.told("open") == [("open", 0), ("open", 0)]
    assert desk.stage.told("close") == [("close", 0)]


async def test_a_chunk_that_is_fetched_again_is_cut_to_what_is_new(desk):
    await desk.log.append(EVENTS, 0, [NewRecord(b"k", b"v")] * 8)
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 5))
    await desk.lanes.revoke()
    await desk.lanes.assign({0}, 2)
    await desk.lanes.take(chunk(0, 3, generation=2))
    await desk.lanes.take(chunk(3, 8, generation=2))
    assert desk.stage.told(EVENTS) == [(EVENTS, 0, [0, 1, 2, 3, 4]), (EVENTS, 0, [5, 6, 7])]
    assert desk.handled == [(EVENTS, 0, 5), (EVENTS, 0, 5), (EVENTS, 0, 8)]


async def test_a_chunk_of_a_topic_that_was_made_again_is_not_taken_for_one_that_was_fetched_again(desk):
    """As it was, records were dropped until there were as many as there had been."""
    await desk.log.append(EVENTS, 0, [NewRecord(b"k", b"v")] * 3)
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 5))
    await desk.lanes.take(chunk(0, 3))
    (error,) = desk.ended
    assert isinstance(error, LogDamaged)
    assert str(error).startswith(f"events-0 ends at offset 3 and group {GROUP} has come to 5: ")
    assert desk.handled == [(EVENTS, 0, 5)]


async def test_a_partition_that_ends_before_its_commit_is_not_opened(desk):
    await desk.log.append(EVENTS, 2, [NewRecord(b"k", b"v")] * 3)
    await desk.log.commit(GROUP, EVENTS, {2: 7})
    await desk.lanes.assign({2}, 1)
    await turns()
    assert [type(one) for one in desk.ended] == [LogDamaged]
    assert desk.stage.story == []


async def test_what_is_in_hand_at_a_revocation_may_finish_and_counts(desk):
    await desk.lanes.assign({0}, 1)
    desk.stage.gate.clear()
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 2)))
    behind = asyncio.create_task(desk.lanes.take(chunk(2, 4)))
    await turns()
    revoking = asyncio.create_task(desk.lanes.revoke())
    await turns()
    assert not revoking.done()
    desk.stage.gate.set()
    await revoking
    assert desk.handled == [(EVENTS, 0, 2)]
    await asyncio.gather(taking, behind)
    assert desk.handled == [(EVENTS, 0, 2)], "the chunk behind it was not begun any more"


async def test_what_does_not_finish_in_time_is_cut_off_and_the_partition_closed():
    desk = Desk(drain_s=0.01)
    await desk.prepare()
    await desk.lanes.assign({0}, 1)
    desk.stage.gate.clear()
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 2)))
    await turns()
    await desk.lanes.revoke()
    await taking
    assert desk.handled == []
    assert desk.stage.told("close") == [("close", 0)]
    desk.stage.gate.set()
    await desk.lanes.assign({0}, 2)
    await desk.lanes.take(chunk(0, 2, generation=2))
    assert len(desk.stage.told("open")) == 2
    assert desk.handled == [(EVENTS, 0, 2)]
    await desk.lanes.close()


async def test_nothing_is_handled_after_close(desk):
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 2))
    await desk.lanes.close()
    await desk.lanes.take(chunk(2, 4))
    await desk.lanes.tick()
    assert desk.stage.story[-1] == ("close", 0)


async def test_closing_cuts_an_opening_off(desk):
    desk.stage.opening_gate.clear()
    await desk.lanes.assign({0}, 1)
    await turns()
    await desk.lanes.close()
    assert desk.stage.story == [("opening", 0), ("close", 0)], "the stage may have kept something of it"


async def test_a_partition_that_comes_back_is_not_opened_while_it_is_closed(desk):
    """Two ask for the close: the stage that found itself fenced, and the assignment that comes meanwhile."""
    closing_gate = asyncio.Event()
    close = desk.stage.close

    async def close_slowly(partition):
        await closing_gate.wait()
        await close(partition)

    desk.stage.close = close_slowly
    await desk.lanes.assign({0}, 1)
    await turns()
    desk.stage.error = Fenced("claimed")
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 2)))
    await turns()
    desk.stage.error = None
    assigning = asyncio.create_task(desk.lanes.assign({0}, 2))
    await turns()
    closing_gate.set()
    await asyncio.gather(taking, assigning)
    await turns()
    assert [entry[0] for entry in desk.stage.story] == ["opening", "open", "close", "opening", "open"]


@pytest.mark.parametrize("stops", [pytest.param(True, id="stops"), pytest.param(False, id="takes it for an answer")])
async def test_an_actor_that_is_cancelled_leaves_no_half_decided_partition_whatever_its_stage_does(desk, stops):
    async def handle(_chunk):
        with nullcontext() if stops else suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    desk.stage.handle = handle
    await desk.lanes.assign({0}, 1)
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 2)))
    await turns()
    taking.cancel()
    await asyncio.wait([taking])
    assert taking.cancelled()
    assert desk.stage.told("close") == [("close", 0)]
    assert desk.handled == []


async def test_an_actor_that_is_cancelled_while_its_partition_closes_ends(desk):
    await desk.lanes.assign({0}, 1)
    desk.stage.gate.clear()
    taking = asyncio.create_task(desk.lanes.take(chunk(0, 2)))
    await turns()
    closing = asyncio.create_task(desk.lanes.assign(set(), 3))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.wait([taking, closing])
    assert taking.cancelled()
    assert desk.stage.told("close") == [("close", 0)]


async def test_a_fenced_partition_is_dropped_alone_and_its_neighbour_goes_on(desk):
    await desk.lanes.assign({0, 1}, 1)
    await turns()
    desk.stage.error = Fenced("partition 0 was claimed")
    fenced = metrics.FENCED.labels("noting")._value.get()
    await desk.lanes.take(chunk(0, 2))
    desk.stage.error = None
    await desk.lanes.take(chunk(2, 4))
    await desk.lanes.take(chunk(0, 2, number=1))
    assert desk.stage.told("close") == [("close", 0)]
    assert desk.handled == [(EVENTS, 1, 2)]
    assert desk.ended == []
    assert metrics.FENCED.labels("noting")._value.get() == fenced + 1


async def test_a_fenced_partition_is_opened_again_when_the_group_gives_it_back(desk):
    await desk.lanes.assign({0}, 1)
    desk.stage.error = Fenced("claimed")
    await desk.lanes.take(chunk(0, 2))
    desk.stage.error = None
    await desk.lanes.assign({0}, 2)
    await desk.lanes.take(chunk(0, 2, generation=2))
    assert desk.handled == [(EVENTS, 0, 2)]


async def test_a_fenced_partition_that_stays_ours_ends_the_process():
    desk = Desk(fenced_s=0.0)
    await desk.prepare()
    await desk.lanes.assign({0}, 1)
    desk.stage.error = Fenced("claimed")
    await desk.lanes.take(chunk(0, 2))
    await turns()
    assert desk.ended == [desk.stage.error]
    desk.stage.error = None
    await desk.lanes.close()


async def test_time_that_finds_a_partition_fenced_drops_them_all(desk):
    await desk.lanes.assign({0, 1}, 1)
    await turns()
    desk.stage.error = Fenced("claimed")
    await desk.lanes.tick()
    assert desk.stage.told("close") == [("close", 0), ("close", 1)]
    assert desk.ended == []


async def test_a_partition_that_is_lost_while_an_assignment_closes_others_is_opened_again(desk):
    """The tick that finds it out has begun before; nobody else would open it, and nobody would miss it."""
    gates = {0: asyncio.Event(), 1: asyncio.Event()}
    fenced, close = asyncio.Event(), desk.stage.close

    async def close_slowly(partition):
        await gates[partition].wait()
        await close(partition)

    async def tick_slowly():
        await fenced.wait()
        raise Fenced("claimed")

    await desk.lanes.assign({0, 1}, 1)
    await turns()
    desk.stage.close, desk.stage.tick = close_slowly, tick_slowly
    ticking = asyncio.create_task(desk.lanes.tick())
    await turns()
    await desk.lanes.revoke()
    assigning = asyncio.create_task(desk.lanes.assign({1}, 2))
    await turns()
    fenced.set()
    await turns()
    gates[0].set()
    await turns()
    gates[1].set()
    await asyncio.gather(ticking, assigning)
    await turns()
    assert desk.stage.told("close") == [("close", 0), ("close", 1)]
    assert desk.lanes.idle() == {1}


@pytest.mark.parametrize("error", [LogUnavailable("no broker"), ValueError("a bug")])
async def test_any_other_error_ends_the_process_and_nothing_is_committed(desk, error):
    await desk.lanes.assign({0}, 1)
    desk.stage.error = error
    await desk.lanes.take(chunk(0, 2))
    assert desk.ended == [error]
    assert desk.handled == []


async def test_an_error_at_opening_ends_the_process(desk):
    async def fail(partition, positions):
        raise LogUnavailable("no broker")

    desk.stage.open = fail
    await desk.lanes.assign({0}, 1)
    await turns()
    assert [str(error) for error in desk.ended] == ["no broker"]


async def test_an_error_at_closing_ends_the_process(desk):
    async def fail(partition):
        raise LogUnavailable("no broker")

    await desk.lanes.assign({0}, 1)
    await turns()
    desk.stage.close = fail
    await desk.lanes.assign(set(), 2)
    assert [str(error) for error in desk.ended] == ["no broker"]


async def test_time_stands_still_while_an_assignment_is_under_way(desk):
    await desk.lanes.assign({0}, 1)
    await desk.lanes.tick()
    await desk.lanes.revoke()
    await desk.lanes.tick()
    assert len(desk.stage.told("tick")) == 1
    await desk.lanes.assign({0}, 2)
    await desk.lanes.tick()
    assert len(desk.stage.told("tick")) == 2


async def test_commits_are_told_for_open_partitions_only(desk):
    await desk.lanes.assign({0}, 1)
    await turns()
    await desk.lanes.committed(EVENTS, 0, 5)
    await desk.lanes.committed(EVENTS, 1, 5)
    assert desk.stage.told("committed") == [("committed", EVENTS, 0, 5)]


async def test_records_that_retention_took_are_counted(desk):
    await desk.log.append(EVENTS, 0, [NewRecord(b"k", b"v")] * 10)
    desk.now_ms += 5_000
    desk.log.retain()
    await desk.log.append(EVENTS, 0, [NewRecord(b"k", b"v")] * 2)
    await desk.log.commit(GROUP, EVENTS, {0: 4})
    lost = metrics.GAP_RECORDS.labels(EVENTS)._value.get()
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(10, 12))
    assert metrics.GAP_RECORDS.labels(EVENTS)._value.get() == lost + 6
    assert desk.handled == [(EVENTS, 0, 12)]


async def test_records_that_retention_takes_from_a_slow_worker_are_counted(desk):
    await desk.log.append(EVENTS, 0, [NewRecord(b"k", b"v")] * 10)
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 3))
    desk.now_ms += 5_000
    desk.log.retain()
    lost = metrics.GAP_RECORDS.labels(EVENTS)._value.get()
    await desk.lanes.take(chunk(10, 12))
    assert metrics.GAP_RECORDS.labels(EVENTS)._value.get() == lost + 7
    assert desk.handled[-1] == (EVENTS, 0, 12)


async def test_records_that_were_skipped_without_retention_end_the_process(desk):
    await desk.log.append(EVENTS, 0, [NewRecord(b"k", b"v")] * 10)
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 3))
    await desk.lanes.take(chunk(5, 8))
    assert [type(error) for error in desk.ended] == [AssertionError]
    assert desk.handled == [(EVENTS, 0, 3)]


async def test_a_gap_that_compaction_left_is_no_skip(desk):
    await desk.lanes.assign({0}, 1)
    await desk.lanes.take(chunk(0, 3))
    await desk.lanes.take(chunk(7, 9, read_from=3))
    assert desk.handled == [(EVENTS, 0, 3), (EVENTS, 0, 9)]
    assert desk.ended == []
