"""`octyseg lag`: what is told of stages that move, fall behind, stand still and go back."""

import json
from typing import get_args

import pytest

from octyseg.hosting.assembly import INPUTS, NEED_REDIS, stage_of
from octyseg.hosting.runner import group_of
from octyseg.log.memory import MemoryLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import DAY_MS, specs
from octyseg.service.lag import LOOKS, Look, Standing, judge, standings
from octyseg.settings import Settings
from octyseg.stages.port import StageName
from tests.verb import run

RECORD = NewRecord(b"ada", b"{}")


def looks(*pairs):
    return [Look(committed, end) for committed, end in pairs]


@pytest.mark.parametrize(
    ("seen", "status"),
    [
        (looks((5, 5), (5, 5), (5, 5)), "OK"),
        (looks((0, 9), (3, 9), (6, 9)), "OK"),
        (looks((0, 9), (9, 9), (9, 20)), "OK"),  # nothing waited once
        (looks((0, 9), (1, 11), (4, 12)), "OK"),  # less waits than before
        (looks((0, 9), (1, 10), (2, 11)), "WARN"),
        (looks((0, 9), (1, 20), (2, 90)), "WARN"),
        (looks((4, 9), (4, 9), (4, 9)), "STOP"),
        (looks((4, 9), (4, 20), (4, 21)), "STOP"),
        (looks((4, 9), (2, 9), (9, 9)), "REWIND"),
    ],
)
def test_what_the_looks_mean(seen, status):
    assert judge(seen) == status


def test_every_stage_has_its_inputs_in_the_table(tmp_path):
    settings = Settings(log=f"embedded://{tmp_path / 'o.db'}")
    log = MemoryLog(lambda: 1_000)
    for name in get_args(StageName):
        if name not in NEED_REDIS:
            stage = stage_of(name, settings, log, None)
            assert stage.inputs == tuple(settings.topic(one) for one in INPUTS[name])
    assert set(INPUTS) == set(get_args(StageName))


async def test_a_stage_is_looked_at_while_it_works():
    settings, log = Settings(partitions=1), MemoryLog(lambda: 1_000)
    await log.create_topics(specs(settings.namespace, 1))
    topic, group, at = settings.topic("outcomes"), group_of(settings.namespace, "tags"), 0
    await log.append(topic, 0, [RECORD] * 100)
    slept = []

    async def sleep(seconds):
        nonlocal at
        slept.append(seconds)
        at += 10
        await log.commit(group, topic, {0: at})

    found = await standings(log, settings, ["tags", "projection"], 10.0, sleep)
    assert slept == [2.0] * (LOOKS - 1)
    assert found == [
        Standing("tags", topic, 0, 50, 100, 50, 5.0, "OK"),
        Standing("projection", topic, 0, 0, 100, 100, 0.0, "STOP"),
    ]


async def test_what_retention_removed_is_not_waited_for():
    now_ms = 1_000
    settings, log = Settings(partitions=1), MemoryLog(lambda: now_ms)
    await log.create_topics(specs(settings.namespace, 1))
    topic = settings.topic("outcomes")
    await log.append(topic, 0, [RECORD] * 90)
    now_ms += 8 * DAY_MS
    await log.append(topic, 0, [RECORD] * 10)
    assert log.retain() == 90

    async def sleep(seconds):
        """Time does nothing here."""

    (found,) = await standings(log, settings, ["tags"], 10.0, sleep)
    assert (found.committed, found.lag) == (90, 10)


@pytest.fixture
def story(tell_story):
    """Two outcomes that nobody has read."""

    async def happens(story):
        await story.log.append("octyseg.outcomes", 0, [RECORD] * 2)

    tell_story(happens)


def test_a_stage_that_stands_still_before_records_is_told_and_is_exit_code_1(story):
    ended = run("lag", "--for", "0.5")
    assert ended.code == 1
    head, events, commands, tags, *others = [line.split() for line in ended.out.splitlines()]
    assert head == ["STAGE", "TOPIC", "PARTITIONS", "LAG", "MOST", "RECORDS/S", "STATUS"]
    assert tags == ["tags", "octyseg.outcomes", "1", "2", "2", "0", "STOP"]
    assert events == ["live", "octyseg.events", "1", "0", "0", "0", "OK"]
    assert commands == ["live", "octyseg.commands", "1", "0", "0", "0", "OK"]
    assert [line[0] for line in others] == ["projection", "webhooks", "archive", "past"]


def test_every_partition_has_its_line_or_its_object(story):
    ended = run("lag", "--stage", "tags", "--for", "0.5", "--partitions")
    assert ended.out.splitlines()[1].split() == ["tags", "octyseg.outcomes", "0", "0", "2", "2", "0.0", "STOP"]
    ended = run("lag", "--stage", "tags", "--for", "0.5", "-o", "json")
    (told,) = json.loads(ended.out)
    assert (told["partition"], told["lag"], told["status"]) == (0, 2, "STOP")


def test_where_nothing_waits_all_is_well(octyseg, segments_file):
    assert octyseg("apply", "-f", segments_file).code == 0
    assert octyseg("lag", "--for", "0.5").code == 0


def test_a_stage_that_is_none_is_said(story):
    ended = run("lag", "--stage", "lives")
    assert ended.code == 2
    assert "lives" in ended.err
