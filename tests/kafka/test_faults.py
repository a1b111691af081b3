"""The fault matrix on a real broker: worker processes killed, paused and restarted while a shop's traffic runs."""

import asyncio
import random
import signal
from collections import Counter

import pytest

from octyseg.model.change import from_json
from tests.kafka.bad_records import bad_records
from tests.kafka.faulting import EVENTS, LIVE, ROUNDS, SEEDS, SLOTS, STANDSTILL_S
from tests.kafka.storm import join, kill, kill_broker, leave, pause, terminate, victims

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3600)]

PASSING = """
kind: segments
segmentDefinitions:
  - segmentName: Passing
    segmentType: live
    segmentSubtype: 2
    eventSequence:
      - {{eventType: product_added, expTimeframe: {window}, actionInaction: action}}
      - {{eventType: order_completed, actionInaction: inaction}}
"""


@pytest.mark.parametrize("seed", SEEDS)
async def test_f1_kills_of_random_workers(run, seed):
    faults = [kill(slot) for slot in victims(random.Random(seed), SLOTS, ROUNDS)]
    verdict = await run.under(faults, seed)
    assert verdict.standstill_s <= STANDSTILL_S


async def test_f2_rolling_restarts_repeat_nothing(run):
    faults = [terminate(slot) for _ in range(ROUNDS) for slot in SLOTS]
    verdict = await run.under(faults)
    assert verdict.repeated == 0


@pytest.mark.parametrize("seed", SEEDS)
async def test_f3_workers_paused_beyond_their_session(run, seed):
    faults = [pause(slot, 12.0) for slot in victims(random.Random(seed), LIVE, max(ROUNDS // 2, 1))]
    verdict = await run.under(faults, seed)
    assert verdict.changes > 0


async def test_f3_a_paused_worker_whose_twin_took_over_ends(run):
    fleet = run.fleet

    async def replace(storm):
        older = fleet.workers["live-0"]
        opened = times_said(fleet, "live-0", "partition open")
        older.send_signal(signal.SIGSTOP)
        younger = fleet.start("live-0")

        async def taken_over():
            return times_said(fleet, "live-0", "partition open") > opened

        await fleet.until(taken_over, "the twin has the partitions")
        older.send_signal(signal.SIGCONT)
        assert await asyncio.to_thread(older.wait, 60) == 1
        assert younger.poll() is None

    await run.under([replace])


async def test_f5_kills_of_the_broker(run):
    verdict = await run.under([kill_broker] * max(ROUNDS // 2, 1))
    assert verdict.outage_s <= 30


async def test_f7_redis_killed_and_emptied(run, valkey):
    async def kill_redis(storm):
        await asyncio.to_thread(valkey.kill)
        await asyncio.to_thread(valkey.start)

    async def flush_redis(storm):
        await asyncio.to_thread(valkey.flush_all)

    verdict = await run.under([kill_redis, flush_redis] * max(ROUNDS // 2, 1))
    assert verdict.changes > 0


async def test_f8_a_backlog_and_a_paused_worker_make_no_false_inaction(run):
    """A worker that is off, or asleep, while deadlines pass and the events that cancel them arrive."""

    async def off(storm):
        fleet = storm.fleet
        codes = await fleet.stop(*LIVE)
        assert codes == [0, 0]
        sent = storm.shoppers.sent
        await fleet.until(lambda: storm.has_sent(sent + EVENTS // 4), "a backlog")
        for slot in LIVE:
            fleet.start(slot)

    verdict = await run.under([off, pause("live-0", 5.0), pause("live-1", 8.0)])
    assert verdict.late_p99_s < 30


async def test_f8_deadlines_fire_on_partitions_that_fell_silent(run):
    """All profiles of one partition, then silence: only the broker's clock moves."""
    verdict = await run.under([], only_partition=3)
    assert verdict.changes > 0


@pytest.mark.parametrize("share", [0.01, 1.0])
async def test_f11_bad_records_reach_the_dead_letters_as_they_are(run, share):
    fleet = run.fleet
    chance = random.Random(7)
    catalogue = bad_records()
    injected = []

    def spoil(records):
        mixed = []
        for record in records:
            if chance.random() < share:
                injected.append(chance.choice(catalogue))
                mixed.append(injected[-1])
            if share < 1:
                mixed.append(record)
        return mixed

    verdict = await run.under([], count=EVENTS // 2, spoil=spoil)
    letters = await fleet.records("deadletter", 0)
    assert verdict.refused == len(injected) > 0
    assert Counter((letter.key, letter.value) for letter in letters) == Counter((r.key, r.value) for r in injected)


async def test_f18_workers_that_come_and_go(run):
    faults = [fault for _ in range(max(ROUNDS // 2, 1)) for fault in (join("live-2"), leave("live-2"))]
    verdict = await run.under([join("live-3"), *faults])
    assert verdict.standstill_s <= 60


def times_said(fleet, slot, text):
    return fleet.told(slot).read_text().count(text)


async def test_f17_definitions_come_are_edited_and_go_in_mid_stream(run, tmp_path):
    """The segment that comes and goes leaves nothing behind, and the others do not notice."""
    file = tmp_path / "passing.yaml"

    def edit(number):
        async def fault(storm):
            file.write_text(PASSING.format(window=0.02 + 0.005 * number))
            done = await storm.fleet.octyseg("apply", "-f", str(file))
            assert done.returncode == 0, done.stderr

        return fault

    async def delete(storm):
        done = await storm.fleet.octyseg("delete", "segment", "Passing")
        assert done.returncode == 0, done.stderr

    changes = [*map(edit, range(5 * ROUNDS // 2 - 1)), delete]
    verdict = await run.under([*changes, *changes])
    numbers = run.fleet.numbers
    told = [from_json(record.value) for number in numbers for record in await run.fleet.records("tags", number)]
    passing = [change for change in told if change.segment_id not in verdict.members]
    carried = Counter()
    for change in {change.change_id: change for change in passing}.values():
        carried[change.profile_id] += {"added": 1, "removed": -1}.get(change.kind, 0)
    assert passing, "it had members"
    assert not any(carried.values()), "and nobody kept its tag"
