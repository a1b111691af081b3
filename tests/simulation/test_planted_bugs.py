"""Bugs that somebody could write any day, planted one at a time: the simulation must find each of them soon."""

import msgspec
import pytest

from octyseg.engine import dynamic, forwarded, merging, repeats, sequence
from octyseg.engine.following import Following
from octyseg.engine.obeying import Obeying
from octyseg.engine.partition import Partition
from octyseg.engine.shelf import Shelf
from octyseg.engine.state import decode_state, encode_state
from octyseg.engine.subject import Subject
from octyseg.model.placement import Place
from octyseg.stages import restore
from octyseg.stages.decisions import Decisions
from octyseg.stages.live import LiveStage
from octyseg.stages.outcomes import Fence
from octyseg.stages.ownership import Ownership
from tests.simulation.histories import merging_plan_of, plan_of
from tests.simulation.verdict import run

pytestmark = pytest.mark.slow

SEEDS = 3_000


def commit_before_the_write(patch):
    written = LiveStage._write

    async def later(stage, held, decided):
        waiting = stage.__dict__.setdefault("_waiting", {})
        before = waiting.pop(held.number, Decisions())
        waiting[held.number] = decided
        await written(stage, held, before)

    patch.setattr(LiveStage, "_write", later)


def time_by_the_wall_while_records_wait(patch):
    async def pass_time(stage, numbers):
        told_ms, _ = await stage._log.ends_as_of((stage._events,), numbers)
        for number in numbers:
            await stage._pass_time_of(stage._open[number], told_ms)

    patch.setattr(LiveStage, "_pass_time", pass_time)


def no_dedupe(patch):
    patch.setattr(repeats, "is_repeat", lambda state, event_id, at_ms: False)


def no_outcomes_behind_the_marker(patch):
    folded = restore._fold_outcome

    def fold(restored, record):
        known = dict(restored.profiles)
        folded(restored, record)
        restored.profiles = known

    patch.setattr(restore, "_fold_outcome", fold)


def deadlines_inclusive(patch):
    passed = Partition.pass_to

    def pass_early(partition, clock_ms, most=None):
        if clock_ms > partition.clock_ms or partition.is_behind:
            passed(partition, clock_ms + 1, most)
            partition.clock_ms = clock_ms
        return partition.is_behind

    patch.setattr(Partition, "pass_to", pass_early)


def grace_ignored(patch):
    made = Partition.__init__

    def make(partition, catalog, rules, *rest):
        made(partition, catalog, msgspec.structs.replace(rules, grace_ms=0), *rest)

    patch.setattr(Partition, "__init__", make)


def epoch_ignored_by_the_tags(patch):
    patch.setattr(Fence, "_is_valid", lambda fence, epoch: True)


def epoch_ignored_by_a_restore(patch):
    folded = restore._fold_outcome

    def fold(restored, record):
        epoch, restored.epoch = restored.epoch, 0
        folded(restored, record)
        restored.epoch = max(epoch, restored.epoch)

    patch.setattr(restore, "_fold_outcome", fold)


def nobody_looks_who_wrote_in_between(patch):
    async def look(*_):
        pass

    patch.setattr(Ownership, "_look_between", look)


def sequence_begins_anew(patch):
    forgotten = Shelf.forget
    patch.setattr(Shelf, "forget", lambda shelf, profile_id, sequence: forgotten(shelf, profile_id, 0))


def applied_offsets_forgotten(patch):
    restored = Partition.restore

    def put_back(partition, profile_id, state, sequence=0, *offsets):
        if state is not None:
            decoded = decode_state(state)
            decoded.events_offset = -1
            state = encode_state(decoded)
        restored(partition, profile_id, state, sequence, -1, *offsets[1:])

    patch.setattr(Partition, "restore", put_back)


def applied_commands_forgotten(patch):
    restored = Partition.restore

    def put_back(partition, profile_id, state, sequence=0, *offsets):
        if state is not None:
            decoded = decode_state(state)
            decoded.commands_offset = -1
            state = encode_state(decoded)
        restored(partition, profile_id, state, sequence, *offsets[:1], -1)

    patch.setattr(Partition, "restore", put_back)


def commands_move_the_clock(patch):
    obeyed = Partition.obey

    def obey(partition, records):
        records = list(records)
        partition.pass_to(records[-1].timestamp)
        return obeyed(partition, records)

    patch.setattr(Partition, "obey", obey)


def a_profile_has_a_second_writer(patch):
    patch.setattr(Place, "refusal", lambda place, key: None)


def a_new_owner_flushes_only_what_it_changed(patch):
    folded = restore._fold_outcome

    def fold(restored, record):
        folded(restored, record)
        restored.unflushed = set()

    patch.setattr(restore, "_fold_outcome", fold)


def a_flush_leaves_one_state_out(patch):
    taken = Shelf.take_dirty
    patch.setattr(Shelf, "take_dirty", lambda shelf, most: taken(shelf, most)[1:])


def an_event_seen_too_early_is_not_remembered(patch):
    patch.setattr(sequence, "SIGHTINGS", 0)
    applied = sequence.apply_all

    def apply(subject, *rest):
        applied(subject, *rest)
        subject.state.sightings = []

    patch.setattr(sequence, "apply_all", apply)


def new_attributes_are_not_to_be_shown(patch):
    patch.setattr(Subject, "touch", lambda subject: setattr(subject, "touched", True))


def who_comes_back_is_not_to_be_shown(patch):
    taken = Partition.take

    def take(partition, profile_id):
        subject = taken(partition, profile_id)
        subject.shown = False
        return subject

    patch.setattr(Partition, "take", take)


def handovers_forgotten(patch):
    folded = restore._fold_outcome

    def fold(restored, record):
        folded(restored, record)
        restored.adopted = {}

    patch.setattr(restore, "_fold_outcome", fold)


def ready_is_not_written_down(patch):
    patch.setattr(Partition, "take_handovers", lambda partition: [])


def nobody_is_judged_when_a_segment_becomes_ready(patch):
    patch.setattr(Following, "judge_fresh", lambda following, subject, clock_ms: None)


def windows_end_without_a_look(patch):
    patch.setattr(dynamic, "_dues", lambda selector, entries: iter(()))


def one_entry_less_is_kept(patch):
    noticed = dynamic.notice

    def notice(state, selector, *rest):
        noticed(state, msgspec.structs.replace(selector, keep=max(selector.keep - 1, 1)), *rest)

    patch.setattr(dynamic, "notice", notice)


def what_was_followed_is_forgotten(patch):
    restored = Partition.restore

    def put_back(partition, profile_id, state, *rest):
        if state is not None:
            decoded = decode_state(state)
            decoded.settled_ms = 0
            state = encode_state(decoded)
        restored(partition, profile_id, state, *rest)

    patch.setattr(Partition, "restore", put_back)


def a_hand_over_is_sent_once_only(patch):
    passed_on = Obeying.pass_on

    def pass_on(obeying, subject, source, **rest):
        if source.offset > subject.state.events_offset:
            passed_on(obeying, subject, source, **rest)

    patch.setattr(Obeying, "pass_on", pass_on)


def what_comes_twice_is_taken_over_twice(patch):
    taken = Obeying._take_over

    def take(obeying, command, source):
        held = obeying._profiles.take(command.profile_id)
        held.state.united.pop(command.child, None)
        return taken(obeying, command, source)

    patch.setattr(Obeying, "_take_over", take)


def later_records_of_a_child_stay_where_they_are(patch):
    patch.setattr(Obeying, "pass_on", lambda *_, **__: None)


def a_circle_goes_on_for_ever(patch):
    patch.setattr(merging, "came_round", lambda command, into: False)


def offsets_of_two_partitions_are_mixed_up(patch):
    patch.setattr(merging, "foreign", lambda partition, offset: offset)
    patch.setattr(forwarded, "foreign", lambda partition, offset: offset)


BUGS_OF_MERGES = [
    a_hand_over_is_sent_once_only,
    what_comes_twice_is_taken_over_twice,
    later_records_of_a_child_stay_where_they_are,
    offsets_of_two_partitions_are_mixed_up,
    a_circle_goes_on_for_ever,
]
BUGS = [
    new_attributes_are_not_to_be_shown,
    who_comes_back_is_not_to_be_shown,
    handovers_forgotten,
    ready_is_not_written_down,
    nobody_is_judged_when_a_segment_becomes_ready,
    windows_end_without_a_look,
    one_entry_less_is_kept,
    what_was_followed_is_forgotten,
    commit_before_the_write,
    time_by_the_wall_while_records_wait,
    no_dedupe,
    no_outcomes_behind_the_marker,
    deadlines_inclusive,
    grace_ignored,
    epoch_ignored_by_the_tags,
    epoch_ignored_by_a_restore,
    nobody_looks_who_wrote_in_between,
    sequence_begins_anew,
    applied_offsets_forgotten,
    applied_commands_forgotten,
    commands_move_the_clock,
    a_profile_has_a_second_writer,
    a_new_owner_flushes_only_what_it_changed,
    a_flush_leaves_one_state_out,
    an_event_seen_too_early_is_not_remembered,
]


@pytest.mark.parametrize(
    ("plant", "plan_of"),
    [*((bug, plan_of) for bug in BUGS), *((bug, merging_plan_of) for bug in BUGS_OF_MERGES)],
    ids=[bug.__name__ for bug in (*BUGS, *BUGS_OF_MERGES)],
)
def test_a_planted_bug_is_found(plant, plan_of, monkeypatch):
    plant(monkeypatch)
    for seed in range(SEEDS):
        try:
            run(plan_of(seed))
        except AssertionError:  # a Wrong, or workers that do not come to rest
            return
    pytest.fail(f"{plant.__name__} went through {SEEDS} seeds unseen")
