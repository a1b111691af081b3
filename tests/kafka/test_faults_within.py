"""The fault matrix, where the fault is in the process or its surroundings: clocks, a loop that stands, named points."""

import json
import random
import signal
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import pytest

from octyseg.log.port import NewRecord
from octyseg.model.placement import partition_of
from tests.kafka.faulting import EVENTS, LIVE, ROUNDS, SEEDS
from tests.kafka.storm import die_at

pytestmark = [pytest.mark.kafka, pytest.mark.faults, pytest.mark.timeout(3600)]

# Every instant between two durable effects that this traffic passes.
POINTS = (
    *(("live-0", f"live.{point}") for point in ("claimed", "restored", "decided", "deadlettered", "written", "ticked")),
    *(("live-1", f"flush.{point}") for point in ("taken", "states_written", "marked")),
    *(("tags-0", f"{point}") for point in ("tags.read", "tags.published", "projection.read", "projection.applied")),
)
# Started, brought to its point, started again.
SECONDS_A_DEATH = 12


@pytest.mark.parametrize("seed", SEEDS)
async def test_f4_an_event_loop_that_stands_still(run, tmp_path, seed):
    """Longer than the session, and longer than a watchdog allows would end the process: a supervisor is there."""
    fleet, chance, told = run.fleet, random.Random(seed), tmp_path / "block"
    fleet.supervised = True
    blockable = {slot: {"AFFLICTED_BLOCK": str(told)} for slot in LIVE}

    def block(slot):
        async def fault(storm):
            told.write_text(str(chance.choice([1, 5, 12, 20, 40])), encoding="utf-8")
            storm.fleet.signal(slot, signal.SIGRTMIN)

        return fault

    faults = [block(slot) for _ in range(max(ROUNDS // 2, 1)) for slot in LIVE]
    verdict = await run.under(faults, seed, rate_per_s=200, count=EVENTS // 2, affliction=blockable)
    assert verdict.standstill_s > 4, "the loop did stand still"
    assert not fleet.ended, "a loop that stood for less than two minutes ends no process"


@pytest.mark.parametrize("seed", SEEDS)
async def test_f9_wall_clocks_an_hour_off_and_events_of_next_year(run, seed):
    chance, injected = random.Random(seed), []

    def spoil(records):
        mixed = []
        for record in records:
            mixed.append(record)
            if chance.random() < 0.02:
                injected.append(moved(record, timedelta(days=365)))
                mixed.append(injected[-1])
        return mixed

    affliction = {
        "live-0": {"AFFLICTED_SKEW_S": "3600"},
        "live-1": {"AFFLICTED_SKEW_S": "-3600"},
        "tags-0": {"AFFLICTED_SKEW_S": "3600"},
    }
    verdict = await run.under([], seed, affliction=affliction, spoil=spoil)
    assert verdict.refused == len(injected) > 0
    assert verdict.late_p99_s < 5


@pytest.mark.parametrize("seed", SEEDS)
async def test_f10_events_hours_late_shuffled_and_doubled(run, seed):
    """Three in ten come twice, one in five between ten seconds and an hour after it happened."""
    chance, held = random.Random(seed), defaultdict(list)

    def spoil(records):
        mixed, again = [], held[partition_of(records[0].key.decode(), run.fleet.settings.partitions)]
        for record in records:
            late = chance.random() < 0.2
            mixed.append(moved(record, timedelta(seconds=-chance.uniform(10, 3600))) if late else record)
            if chance.random() < 0.3:
                again.append(mixed[-1])
        chance.shuffle(again)
        mixed += [again.pop() for _ in range(len(again) // 2)]
        chance.shuffle(mixed)
        return mixed

    verdict = await run.under([], seed, spoil=spoil)
    assert verdict.events > 1.2 * EVENTS, "many came twice"


@pytest.mark.parametrize("seed", SEEDS)
async def test_f19_dead_between_any_two_steps(run, seed):
    run.fleet.supervised = True
    chance = random.Random(seed)
    faults = [die_at(slot, point, chance.randint(1, 3)) for slot, point in POINTS]
    rate_per_s = EVENTS / (len(POINTS) * SECONDS_A_DEATH)

    def spoil(records):
        bad = [NewRecord(record.key, b"not json") for record in records if chance.random() < 0.02]
        return [*records, *bad]

    await run.under(faults, seed, rate_per_s=rate_per_s, spoil=spoil, on_events=True)
    assert sum(run.fleet.ended.values()) == len(POINTS)


def moved(record, by):
    """The same event at another time, under another id."""
    event = json.loads(record.value)
    at = datetime.fromisoformat(event["created_at"]).astimezone(UTC) + by
    event |= {"created_at": at.isoformat(timespec="milliseconds"), "event_id": event["event_id"] + "-moved"}
    return NewRecord(record.key, json.dumps(event).encode())
