"""The verdict over a simulated run: what was published and what is remembered, against the oracle.

Nothing lost, nothing spurious, no false inaction, repeats identical, sequences rising, dead letters as
injected, and the state that a restore gives is the state the owner has.
"""

import asyncio
from itertools import pairwise

from octyseg.engine.partition import Partition
from octyseg.log.port import read_through
from octyseg.model.change import from_json, rfc3339
from octyseg.model.record import Erase, Event, Merge, decode, epoch_ms
from octyseg.model.refusal import Refusal
from octyseg.model.segment import InSegment, Performed
from octyseg.projection.content import content_of
from octyseg.stages import restore
from octyseg.stages.fold import fold
from octyseg.stages.outcomes import Entry, Fence, state_in
from tests.simulation.histories import BAD_COMMANDS
from tests.simulation.oracle import expected_changes
from tests.simulation.oracle_dynamic import Past, expected_turns, is_member, leaves, readable
from tests.simulation.oracle_membership import Asked, expected_memberships
from tests.simulation.placing import sort_out
from tests.simulation.plan import Edit
from tests.simulation.process import NAMESPACE
from tests.simulation.world import COMMANDS, EVENTS, World


class Wrong(AssertionError):
    """What a run got wrong."""


def run(plan):
    """Carry a plan out and judge it; raises what went wrong."""
    world = World(plan)
    asyncio.run(_run(world))
    return world


async def _run(world):
    await world.run()
    groups = await _merged(world)
    world.merged = {profile_id for group in groups for profile_id in group}
    await _compare_groups(world, groups)
    for partition in range(world.plan.partitions):
        await _judge(world, partition)


async def _judge(world, partition):
    events, misplaced = await _events(world, partition)
    published = await _read(world, "tags", partition)
    changes = _once(published)
    commands = await _read(world, "commands", partition)
    _compare(world, partition, events, changes)
    _compare_memberships(world, partition, events, commands, changes)
    _compare_turns(world, partition, events, changes)
    await _compare_dead_letters(world, partition, events, misplaced, commands)
    _compare_members(world, partition, events)
    await _compare_states(world, partition)
    await _compare_shown(world, partition)
    count = sum(map(len, changes.values()))
    world.counts.update(events=len(events), commands=len(commands), changes=count, repeats=len(published) - count)
    world.counts["misplaced"] += len(misplaced)
    world.reasons.update(change.reason for of_profile in changes.values() for change in of_profile)


async def _events(world, partition):
    """What belongs there, and what does not."""
    return sort_out(await _read(world, "events", partition), partition, world.plan.partitions)


async def _read(world, topic, partition):
    world.read_limit = 1_000_000
    end = (await world.log.ends(NAMESPACE + topic, [partition]))[partition]
    return [one async for one in read_through(world.log, NAMESPACE + topic, partition, 0, end)]


async def _compare_shown(world, partition):
    """An outcome that says it shows nothing new leaves what Redis shows of its profile as it was."""
    fence, shown = Fence("simulation"), {}
    for record in await _read(world, "outcomes", partition):
        entry = fence.admit(record)
        if not isinstance(entry, Entry):
            continue
        profile_id, outcome = entry.profile_id, entry.outcome
        content = None if outcome.state is None else content_of(state_in(profile_id, outcome.state))
        if not outcome.shown and content != shown.get(profile_id):
            raise Wrong(f"{outcome} of {profile_id} is not to be shown, and it was {shown.get(profile_id)}")
        shown[profile_id] = content
        world.counts["shown" if outcome.shown else "quiet"] += 1


def _once(published):
    """Each change once, as a receiver keeps them, by profile."""
    known, changes = {}, {}
    for record in published:
        change = from_json(record.value)
        if known.setdefault(change.change_id, record.value) != record.value:
            raise Wrong(f"two changes of one id: {known[change.change_id]} and {record.value}")
        if known[change.change_id] is record.value:
            changes.setdefault(change.profile_id, []).append(change)
    return changes


def _compare(world, partition, events, changes):
    """Published changes against the oracle's, segment by segment where an edit came at no certain moment."""
    plan = world.plan
    expected = expected_changes(
        plan.segments, events, plan.rules, topic=EVENTS, partition=partition, revisions=world.revisions[partition]
    )
    # Members by command come from a log of their own: when, between events, is not foretold.
    loose = _loose(world) | _by_command(world) | _dynamic(world)
    for profile_id in sorted({*expected, *changes}):
        ours = changes.get(profile_id, [])
        if any(before.sequence >= after.sequence for before, after in pairwise(ours)):
            raise Wrong(f"sequences of {profile_id} do not rise: {[one.sequence for one in ours]}")
        _assert_sense(profile_id, ours)
        if profile_id in world.merged:
            continue
        told = [_told(one) for one in ours if one.segment_id not in loose]
        wanted = [_wanted(one) for one in expected.get(profile_id, []) if one.segment_id not in loose]
        for number, (one, other) in enumerate(
            zip(told + [None] * len(wanted), wanted + [None] * len(told), strict=True)
        ):
            if one != other:
                raise Wrong(f"change {number} of {profile_id} is\n  {one}, expected\n  {other}")


async def _merged(world):
    """The groups of profiles that merge records connect, over all partitions."""
    groups = []
    for partition in range(world.plan.partitions):
        for record in (await _events(world, partition))[0]:
            read = decode(record.key, record.value)
            if isinstance(read, Merge):
                group = {read.profile_id, read.into}
                for other in [one for one in groups if one & group]:
                    groups.remove(other)
                    group |= other
                groups.append(group)
    return [group for group in groups if len(group) > 1]


async def _compare_groups(world, groups):
    """Whoever was merged has nothing left, and where it went everything of it is counted, once."""
    events = [one for partition in range(world.plan.partitions) for one in (await _events(world, partition))[0]]
    states = {}
    for partition in range(world.plan.partitions):
        engine = world.engine(partition)
        states |= {profile_id: engine.state_of(profile_id) for profile_id in engine.shelf.ids()}
    erased = {read.profile_id for _, read, _ in readable(events, world.plan.rules) if isinstance(read, Erase)}
    for group in groups:
        if group & erased or _edited_ever(world):
            continue
        world.counts["merged groups"] += 1
        for root in {_root(profile_id, states) for profile_id in group}:
            tree = {profile_id for profile_id in group if _root(profile_id, states) == root}
            _compare_root(world, root, tree, events, states)


def _root(profile_id, states):
    seen = set()
    while profile_id in states and states[profile_id].merged_into is not None:
        if profile_id in seen:
            raise Wrong(f"profiles are merged in a circle: {seen}")
        seen.add(profile_id)
        profile_id = states[profile_id].merged_into
    return profile_id


def _compare_root(world, root, tree, events, states):
    for child in tree - {root}:
        if states[child].tags or states[child].instances or states[child].performed:
            raise Wrong(f"{child} was merged into {root} and still has something: {states[child]}")
    past = Past()
    for _, read, at_ms in readable(events, world.plan.rules):
        if read.profile_id in tree and isinstance(read, Event):
            past.take(read, at_ms)
    state = states.get(root)
    held = {tag.segment_id for tag in state.tags} if state else set()
    past.attributes = {} if state and state.created_at_ms is not None else None
    for segment in world.plan.segments:
        if segment.rule is None or not all(isinstance(leaf, Performed) for leaf in leaves(segment.rule)):
            continue
        wanted = is_member(segment, past, world.now_ms - world.plan.rules.grace_ms - 1)
        if wanted != (segment.segment_id in held):
            raise Wrong(f"{root}, which {sorted(tree)} are, in {segment.segment_id}: expected {wanted}: {state}")


def _by_command(world):
    """The segments whose members come by command."""
    return {one.segment_id for one in _ever(world) if one.segment_type in {"past", "static"}}


def _dynamic(world):
    return {one.segment_id for one in _ever(world) if one.segment_type == "dynamic"}


def _ever(world):
    """All segments there ever were, in every version."""
    edits = [one for action in world.plan.actions if isinstance(action, Edit) for one in action.segments]
    return (*world.plan.segments, *edits)


def _compare_turns(world, partition, events, changes):
    """Segments of events and attributes alone, which were there from the start: each turn at its time."""
    edited = {one.segment_id for one in _ever(world) if one not in world.plan.segments} | _edited(world)
    own = [one for one in world.plan.segments if one.rule is not None and one.segment_id not in edited]
    names = {one.segment_id for one in own if _asks(one) <= {other.segment_id for other in own}}
    own = [one for one in own if _asks(one) | {one.segment_id} <= names]
    expected = expected_turns(own, events, world.plan.rules)
    # An erasure may overtake a hand-over to a segment that counts the same events.
    strange = _strange(events, world.plan.rules) if _edited_ever(world) else set()
    for profile_id in sorted({*expected, *changes} - strange - world.merged):
        for segment in own:
            told = [
                (one.kind, one.occurred_at)
                for one in changes.get(profile_id, [])
                if one.segment_id == segment.segment_id
            ]
            wanted = [
                (one.kind, rfc3339(one.occurred_at_ms))
                for one in expected.get(profile_id, [])
                if one.segment_id == segment.segment_id
            ]
            if told != wanted:
                raise Wrong(f"turns of {profile_id} in {segment.segment_id} are\n  {told}, expected\n  {wanted}")


def _edited(world):
    """The segments that are not in every edit as they are in the plan."""
    edits = [action.segments for action in world.plan.actions if isinstance(action, Edit)]
    return {one.segment_id for one in world.plan.segments for segments in edits if one not in segments}


def _asks(segment):
    return {leaf.segment_id for leaf in leaves(segment.rule) if isinstance(leaf, InSegment)}


def _compare_members(world, partition, events):
    """Who is a member in the end, of every dynamic segment that is in force, whatever happened to it on the way."""
    engine = world.engine(partition)
    dynamics = engine.catalog.dynamics
    if dynamics is None:
        return
    strange = _strange(events, world.plan.rules) if _edited_ever(world) else set()
    pasts = {}
    for _, read, at_ms in readable(events, world.plan.rules):
        pasts.setdefault(read.profile_id, Past()).take(read, at_ms)
    ids = {one.segment.segment_id for one in dynamics.ruled}
    for profile_id in sorted({*pasts, *engine.shelf.ids()} - strange - world.merged):
        state = engine.state_of(profile_id)
        held = {tag.segment_id for tag in state.tags} if state else set()
        past = pasts.get(profile_id, Past())
        past.members = held - ids
        for ruled in dynamics.ruled:
            if is_member(ruled.segment, past, world.now_ms - world.plan.rules.grace_ms - 1):
                past.members.add(ruled.segment.segment_id)
        if past.members != held:
            raise Wrong(f"{profile_id} is a member of {sorted(held)}, expected {sorted(past.members)}: {state}")


def _edited_ever(world):
    return any(isinstance(action, Edit) for action in world.plan.actions)


def _strange(events, rules):
    """Profiles with repeats or erasures: where those fall into a hand-over, the end is not foretold."""
    known, strange = set(), set()
    for _, read, _ in readable(events, rules):
        place = (read.profile_id, getattr(read, "event_id", None))
        if isinstance(read, Erase) or (place[1] is not None and place in known):
            strange.add(read.profile_id)
        known.add(place)
    return strange


def _compare_memberships(world, partition, events, commands, changes):
    """What commands led to, segment by segment, for every profile that was never erased."""
    erased = {one.key.decode() for one in events if b'"erase"' in one.value}
    expected = expected_memberships(world.plan.segments, commands, world.asked_before[partition])
    told = {}
    for profile_id, of_profile in changes.items():
        for change in of_profile:
            told.setdefault((profile_id, change.segment_id), []).append(_asked(change))
    for profile_id, segment_id in sorted({*expected, *told}):
        if profile_id in erased | world.merged or segment_id not in _by_command(world) - _loose(world):
            continue
        ours, wanted = told.get((profile_id, segment_id), []), expected.get((profile_id, segment_id), [])
        if ours != [one._replace(occurred_at_ms=_shown_time(one)) for one in wanted]:
            raise Wrong(f"memberships of {profile_id} in {segment_id} are\n  {ours}, expected\n  {wanted}")


def _asked(change):
    swept = change.reason.startswith("definition")
    occurred_at = None if swept else change.occurred_at
    return Asked(change.kind, change.reason, occurred_at, change.cause, change.change_id)


def _shown_time(asked):
    return None if asked.occurred_at_ms is None else rfc3339(asked.occurred_at_ms)


def _loose(world):
    """Segments whose edit came in the middle of things: which events it caught is not foretold.

    So it is when somebody who was put out while it opened a partition claims it later: it reads on from
    where the group stood before the edit.
    """
    plan, loose = world.plan, set()
    for action in plan.actions:
        if isinstance(action, Edit) and (not action.settled or world.group.may_claim_late):
            same = {one.segment_id for one in plan.segments if one in action.segments}
            loose |= {one.segment_id for one in (*plan.segments, *action.segments)} - same
    return loose


def _assert_sense(profile_id, changes):
    """A tag is added when it is not there, and refreshed or removed when it is."""
    held = set()
    for change in changes:
        if (change.segment_id in held) == (change.kind == "added"):
            raise Wrong(f"{change.kind} of {change.segment_id} makes no sense for {profile_id}")
        (held.discard if change.kind == "removed" else held.add)(change.segment_id)


def _told(change):
    swept = change.reason.startswith("definition")
    occurred_at = None if swept else change.occurred_at
    return (change.segment_id, change.kind, change.reason, occurred_at, change.cause, change.change_id)


def _wanted(change):
    occurred_at = None if change.occurred_at_ms is None else rfc3339(change.occurred_at_ms)
    return (change.segment_id, change.kind, change.reason, occurred_at, change.cause, change.change_id)


async def _compare_dead_letters(world, partition, events, misplaced, commands):
    """Every refused record is there byte for byte, no other is; repeats are allowed."""
    wrong = [*misplaced, *(one for one in events if _is_refused(one, world.plan.rules))]
    refused = {(EVENTS, one.offset, one.key, one.value) for one in wrong}
    refused |= {(COMMANDS, one.offset, one.key, one.value) for one in commands if one.value in BAD_COMMANDS}
    letters = set()
    for record in await _read(world, "deadletter", 0):
        headers = dict(record.headers)
        if int(headers["partition"]) == partition and headers["reason"] != b"merge_loop":
            letters.add((headers["topic"].decode(), int(headers["offset"]), record.key, record.value))
    if letters != refused:
        raise Wrong(f"dead letters are {letters}, refused were {refused}")


def _is_refused(record, rules):
    read = decode(record.key, record.value)
    if isinstance(read, Refusal):
        return True
    if isinstance(read, Merge):
        return False
    at_ms = epoch_ms(read.created_at, record.timestamp)
    return isinstance(at_ms, Refusal) or at_ms > record.timestamp + rules.future_ms


async def _compare_alone(world, partition, folded):
    """A profile that is asked for alone is read back as it is among all."""
    for profile_id, state in sorted(folded.states.items())[:1]:
        alone = await fold(world.log, NAMESPACE, partition, only=profile_id)
        if alone != folded._replace(states={profile_id: state}):
            raise Wrong(f"{profile_id} alone is read back as {alone}, among others as {state!r}, by {folded}")


async def _compare_states(world, partition):
    """The owner's states, those a successor would restore, and those the projection would be made of are the same."""
    engine = world.engine(partition)
    restored = await restore.read_states(world.log, NAMESPACE + "state", partition)
    end = (await world.log.ends(NAMESPACE + "outcomes", [partition]))[partition]
    await restore.read_outcomes(world.log, NAMESPACE + "outcomes", partition, end, restored)
    if restored.epoch > engine.epoch:
        return  # claimed late by one who was put out: the owner sees it at its next append
    successor = Partition(engine.catalog, world.plan.rules, partition, engine.epoch)
    successor.committed(engine.committed_offset, engine.committed_commands)
    successor.following.handovers.restore(restored.adopted.values())
    for profile_id, newest in restored.profiles.items():
        successor.restore(profile_id, newest.state, newest.sequence, newest.events_offset, newest.commands_offset)
    # Swept first, then looked at once more: whoever has nothing left is forgotten on both sides.
    for later_ms in (1, 2, 3):
        successor.tick(world.now_ms + later_ms)
        engine.tick(world.now_ms + later_ms)
    folded = await fold(world.log, NAMESPACE, partition)
    await _compare_alone(world, partition, folded)
    for profile_id in sorted({*engine.shelf.ids(), *successor.shelf.ids()}):
        ours, theirs = engine.state_of(profile_id), successor.state_of(profile_id)
        for state in (ours, theirs):
            if state is not None:
                # How far time was followed in vain is not written down.
                state.settled_ms = 0
        if ours != theirs:
            raise Wrong(f"state of {profile_id} is {ours}, a successor has {theirs}")
        if _shown(folded.state(profile_id) if profile_id in folded.states else None) != _shown(ours):
            raise Wrong(f"state of {profile_id} is {ours}, folded it is {folded.states.get(profile_id)}")


def _shown(state):
    """What a projection shows of a state; nothing of one that holds nothing."""
    if state is None:
        return None
    content = content_of(state)
    return content if content.members or content.fields.keys() - {"sequence", "tags"} else None
