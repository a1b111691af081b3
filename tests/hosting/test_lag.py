"""What a process tells of the partitions it has, and of no others."""

import pytest
from prometheus_client import REGISTRY

from octyseg.errors import LogUnavailable
from octyseg.hosting.lag import Lag
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord, TopicSpec


def told(stage):
    return {
        (sample.labels["topic"], int(sample.labels["partition"])): sample.value
        for family in REGISTRY.collect()
        if family.name == "octyseg_lag_records"
        for sample in family.samples
        if sample.labels["stage"] == stage
    }


@pytest.fixture
async def log():
    log = MemoryLog(lambda: 1_000)
    await log.create_topics([TopicSpec("events", 2, compacted=False, retention_ms=-1)])
    await log.append("events", 0, [NewRecord(b"k", b"v")] * 10)
    await log.append("events", 1, [NewRecord(b"k", b"v")] * 3)
    return log


async def test_the_lag_is_what_lies_behind_the_commit(log):
    lag = Lag("first", log)
    assert await lag.measure({("events", 0): 4, ("events", 1): None}) == {("events", 0): 6, ("events", 1): 3}
    assert told("first") == {("events", 0): 6, ("events", 1): 3}


async def test_a_partition_that_went_elsewhere_is_told_of_no_more(log):
    lag = Lag("second", log)
    await lag.measure({("events", 0): 0, ("events", 1): 0})
    await lag.measure({("events", 1): 3})
    assert told("second") == {("events", 1): 0}
    await lag.measure({})
    assert told("second") == {}


async def test_a_log_that_does_not_answer_leaves_the_last_word(log, monkeypatch):
    lag = Lag("third", log)
    await lag.measure({("events", 0): 4})

    async def away(topics, numbers):
        raise LogUnavailable("no broker")

    monkeypatch.setattr(log, "ends_as_of", away)
    assert await lag.measure({("events", 0): 5}) is None
    assert told("third") == {("events", 0): 6}
