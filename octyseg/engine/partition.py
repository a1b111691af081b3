"""All profiles of one partition: fed with records, told the time, asked what changed.

    restore(profile_id, state)   before the first feed, once per profile; handled(offsets) then as well
    feed(topic, records)         what these records change
    obey(records)                what these commands change
    tick(clock_ms)               what time changes: deadlines, expiries, a bounded part of a sweep
    adopt(catalog)               new definitions; what they outdate is swept by the ticks that follow
    adopted(offset)              dynamic segments begin here; take_handovers() is what must be durable then

The clock never goes back. Within a feed it follows the records: before the first record that arrived
at A is applied, everything due before A is done, so results do not depend on how records were chunked.
Commands come from a log of their own and move no clock: an event that arrived before them may still wait.
State stays encoded until a profile is touched; a record no definition names never touches it.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import compress, islice
from typing import NamedTuple, Protocol

import xxhash

from octyseg.engine import attributes, deadlines, forwarded, membership, merging, sequence
from octyseg.engine.catalog import Catalog
from octyseg.engine.dynamic import Trigger
from octyseg.engine.following import Following
from octyseg.engine.interests import NOTHING, Interests
from octyseg.engine.rules import DEDUPE_IDS, DEDUPE_WINDOW_MS, Rules
from octyseg.engine.sequence import Happening
from octyseg.engine.shelf import Shelf
from octyseg.engine.state import ProfileState, decode_state, encode_state
from octyseg.engine.subject import Subject
from octyseg.model import command as commands
from octyseg.model.lot import Lot, PlainEvent, decode_lot
from octyseg.model.outcome import Adopted, Outcome
from octyseg.model.record import (
    EPOCH,
    MILLISECOND,
    Erase,
    Event,
    InputRecord,
    Merge,
    Profile,
    decode,
    epoch_ms,
)
from octyseg.model.refusal import Refusal

# Records decoded at once, so few that they stay in the processor's cache, and the least that are worth it.
LOT_RECORDS = 100
LEAST_LOT = 8
# So many lots are decoded record by record after one that held more than plain events.
LOTS_UNTRIED = 15


class Record(Protocol):
    """What the engine reads of a record of the log; `timestamp` is its arrival in epoch milliseconds."""

    @property
    def offset(self) -> int: ...  # noqa: D102 - the protocol's attributes are its documentation
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


class Refused(NamedTuple):
    """A record for the dead letters."""

    record: Record
    refusal: Refusal


class Decided(NamedTuple):
    """What a feed or a tick decided: outcomes by profile, refused records, counts by name.

    `sent` are commands for other profiles, of any partition: to be sent once the outcomes are durable, and
    before the input is committed.
    """

    outcomes: list[tuple[str, Outcome]]
    refused: list[Refused]
    counts: Counter[str]
    sent: Sequence[commands.HandedOn] = ()


class Partition:
    """One partition's profiles, clock and alarms. One owner, one writer."""

    def __init__(self, catalog: Catalog, rules: Rules, number: int = 0, epoch: int = 0) -> None:
        self.catalog = catalog
        self.rules = rules
        self.number = number
        self.epoch = epoch
        self.clock_ms = 0
        self.committed_offset = self.committed_commands = 0
        self.handled_offset = self.handled_commands = 0
        self.shelf = Shelf()
        # Heaps of (offset, profile_id): nothing keeps these but their input, which may be read again.
        self._spent: list[tuple[int, str]] = []
        self._spent_commands: list[tuple[int, str]] = []
        self._unswept: list[str] = []
        self._unjudged: list[str] = []
        self._adopted_ms = self._ready_ms = 0
        self._sent: list[commands.HandedOn] = []
        self.following = Following(rules, epoch)
        self.following.adopt(catalog)
        self._held: dict[str, Subject] = {}
        self._counts: Counter[str] = Counter()
        self._sweep_told = False
        self._lots_untried = 0

    def __len__(self) -> int:
        """How many profiles the partition remembers."""
        return len(self.shelf)

    # What the owner tells.

    def restore(
        self,
        profile_id: str,
        state: bytes | None,
        sequence: int = 0,
        events_offset: int = -1,
        commands_offset: int = -1,
    ) -> None:
        """Put back the newest state of a profile; None: it was erased or forgotten at this sequence and offsets."""
        if state is None:
            decoded = ProfileState(sequence=sequence, events_offset=events_offset, commands_offset=commands_offset)
            self.shelf.put(profile_id, encode_state(decoded), stub=True)
        else:
            decoded = decode_state(state)
            self.shelf.put(profile_id, state)
        due_ms = self._next_due(decoded)
        self.shelf.schedule(profile_id, None if due_ms is None else max(due_ms, decoded.arrived_at_ms))
        if deadlines.is_outdated(decoded, self.catalog) or self.following.is_outdated(decoded):
            self._unswept.append(profile_id)
        if self.following.handovers.fresh:
            self._unjudged.append(profile_id)
        if decoded.handing is not None:
            self._await_commit(profile_id, decoded)

    def adopt(self, catalog: Catalog) -> None:
        """Follow new definitions; profiles that hold anything of the old ones are swept by later ticks."""
        outdated = catalog.outdates(self.catalog)
        self.catalog = catalog
        self.following.adopt(catalog)
        self._adopted_ms = self.clock_ms
        self._sweep_told = False
        if outdated:
            self._unswept = self.shelf.ids()

    def committed(self, events_offset: int, commands_offset: int = 0) -> None:
        """Input below these offsets will never be read again; what only a repeat would need may go."""
        self.committed_offset = max(self.committed_offset, events_offset)
        self.committed_commands = max(self.committed_commands, commands_offset)
        self._look_at_spent()

    def handled(self, events_offset: int, commands_offset: int = 0) -> None:
        """All input below these offsets was applied before; who is not among the restored has nothing of it left."""
        self.handled_offset, self.handled_commands = events_offset, commands_offset

    def adopted(self, events_offset: int) -> None:
        """Dynamic segments that are new here begin: all input below the offset was applied without them."""
        self.following.handovers.adopt(events_offset)

    def take_handovers(self) -> list[Adopted]:
        """How far dynamic segments have come, as far as it has to be appended now."""
        return self.following.handovers.take_news()

    # What the owner asks.

    def feed(self, topic: str, records: Iterable[Record]) -> Decided:
        """Apply records of one topic in offset order; what they change is decided when the feed ends."""
        refused: list[Refused] = []
        source = iter(records)
        while some := list(islice(source, LOT_RECORDS)):
            arrivals = [record.timestamp for record in some]
            lot = self._plain_lot(some, min(arrivals))
            if lot is None:
                self._feed_each(topic, some, refused)
            else:
                self._feed_lot(topic, some, arrivals, lot)
        return self._decided(refused)

    def obey(self, records: Iterable[Record]) -> Decided:
        """Apply commands in offset order; what they change is decided when all were applied."""
        refused = []
        for record in records:
            command = commands.decode(record.key, record.value)
            refusal = command if isinstance(command, Refusal) else self._obey(command, record)
            if refusal is not None:
                refused.append(Refused(record, refusal))
        return self._decided(refused)

    def tick(self, clock_ms: int, sweep: int = 500) -> Decided:
        """Let time pass up to `clock_ms` and sweep at most `sweep` profiles."""
        self._pass(clock_ms)
        while self._unswept and sweep > 0:
            sweep -= 1
            profile_id = self._unswept[-1]
            if profile_id in self.shelf and profile_id not in self._held:
                subject = self._hold(profile_id)
                self.shelf.schedule(profile_id, self._next_due(subject.state))
            self._unswept.pop()
        while self._unjudged and sweep > 0:
            sweep -= 1
            profile_id = self._unjudged.pop()
            if profile_id in self.shelf and profile_id not in self._held:
                self.shelf.schedule(profile_id, self._next_due(self._hold(profile_id).state))
        if not self._unjudged:
            self.following.handovers.all_judged()
        return self._decided([])

    def next_due(self) -> int | None:
        """The instant the clock must pass before a tick does anything; None: nothing is due ever."""
        due_ms = self.shelf.next_due()
        return None if due_ms is None else max(due_ms, self.clock_ms)

    def take_swept(self) -> tuple[str, ...] | None:
        """Once per adoption, when the sweep is over: the deleted segments of which no tag is left here."""
        if self._unswept or self._sweep_told:
            return None
        self._sweep_told = True
        return self.catalog.deleted_ids()

    def state_of(self, profile_id: str) -> ProfileState | None:
        """The state of one profile, decoded; None when nothing is known of it."""
        state = self.shelf.get(profile_id)
        return None if state is None else decode_state(state)

    # How it decides.

    def _plain_lot(self, records: Sequence[Record], arrived_ms: int) -> Lot | None:
        """The events of the records when all of them are plain and name an instant that needs no look."""
        if len(records) < LEAST_LOT:
            return None
        if self._lots_untried:
            self._lots_untried -= 1
            return None
        lot = decode_lot([record.key for record in records], [record.value for record in records])
        if lot is not None:
            latest = EPOCH + MILLISECOND * (arrived_ms + self.rules.future_ms)
            if lot.earliest > EPOCH and lot.latest <= latest:
                return lot
        self._lots_untried = LOTS_UNTRIED
        return None

    def _feed_lot(self, topic: str, records: Sequence[Record], arrivals: Sequence[int], lot: Lot) -> None:
        """A lot of plain events: most are of a type no definition cares for, and cost a look-up."""
        wanted = [*map(self.catalog.interests.get, lot.event_types)]
        # They hardly ever go back: a broker's clock must be set back for it.
        goes_back = sorted(arrivals) != arrivals
        passed = 0
        for place in compress(range(len(wanted)), wanted):
            if arrivals[place] > self.clock_ms or goes_back:
                self._pass_each(arrivals[passed : place + 1])
                passed = place + 1
            event, interests = lot.events[place], wanted[place]
            assert interests is not None
            self._apply_event(event, interests, records[place], (event.created_at - EPOCH) // MILLISECOND, topic)
        self._pass_each(arrivals[passed:])
        self._counts["unmatched"] += wanted.count(None)

    def _feed_each(self, topic: str, records: Iterable[Record], refused: list[Refused]) -> None:
        """Records of any kind, each decoded alone."""
        for record in records:
            self._pass(record.timestamp)
            event = decode(record.key, record.value)
            refusal = self._apply(event, record, topic)
            if refusal is not None:
                refused.append(Refused(record, refusal))

    def _apply_event(
        self, event: Event | PlainEvent, wanted: Interests, record: Record, at_ms: int, topic: str
    ) -> None:
        """An event whose type some definition names."""
        counts, rules, following = self._counts, self.rules, self.following
        properties = event.event_properties
        assert properties is not None
        picked = () if following.is_idle else following.picked(event.event_type, properties)
        is_old = record.timestamp - at_ms > rules.live_max_age_ms
        if is_old and not picked:
            counts["history_only"] += 1
            return
        played = NOTHING if is_old else wanted.played(properties)
        if not played.parts and not picked:
            counts["unmatched"] += 1
            return
        subject = self._held.get(event.profile_id) or self._hold(event.profile_id)
        state = subject.state
        if state.merged_into is not None:
            self._pass_on(subject, record)
            return
        if record.offset <= state.events_offset:
            counts["applied_before"] += 1
            return
        event_id = f"{topic}-{self.number}-{record.offset}" if event.event_id is None else event.event_id
        if event.event_id is not None and _is_repeat(state, event_id, at_ms):
            counts["repeated"] += 1
            return
        counts["matched"] += 1
        state.events_offset, state.arrived_at_ms = record.offset, record.timestamp
        subject.now_ms = record.timestamp
        subject.touched, subject.erased = True, False
        mark = len(subject.changes)
        if played.parts:
            sequence.apply_all(subject, played, Happening(event_id, at_ms, properties), rules)
        # Who holds nothing is looked at a day after this event at the earliest: an alarm before that will do.
        remembered_ms = at_ms + DEDUPE_WINDOW_MS if event.event_id is not None else 0
        if state.instances or state.tags or not self.shelf.is_due_by(event.profile_id, remembered_ms):
            self.shelf.schedule(event.profile_id, deadlines.next_due(state, rules))
        if not following.is_idle:
            state.settled_ms = max(state.settled_ms, self.clock_ms)
            trigger = Trigger(event_id, at_ms, (event_id,))
            due_ms = following.happened(
                subject, picked, (at_ms, record.offset), trigger, mark=mark, clock_ms=self.clock_ms
            )
            self.shelf.schedule(event.profile_id, due_ms)

    def _apply(self, record: InputRecord | Refusal, source: Record, topic: str) -> Refusal | None:
        """One record of any kind; the refusal when it cannot be applied."""
        if isinstance(record, Refusal):
            return record
        arrival_ms = source.timestamp
        at_ms = epoch_ms(record.created_at, arrival_ms)
        if isinstance(at_ms, Refusal) or at_ms > arrival_ms + self.rules.future_ms:
            return _time_refusal(at_ms, arrival_ms)
        if not isinstance(record, Event):
            return self._apply_other(record, source, at_ms, topic)
        wanted = self.catalog.interests.get(record.event_type)
        if wanted is None:
            self._counts["unmatched"] += 1
        else:
            self._apply_event(record, wanted, source, at_ms, topic)
        return None

    def _apply_other(self, record: Profile | Merge | Erase, source: Record, at_ms: int, topic: str) -> Refusal | None:
        """A record that is no event."""
        if type(record) is Erase and record.profile_id not in self.shelf and record.profile_id not in self._held:
            return None
        subject = self._held.get(record.profile_id) or self._hold(record.profile_id)
        state = subject.state
        if state.merged_into is not None:
            self._pass_on(subject, source, is_erasure=type(record) is Erase)
            return None
        if source.offset <= state.events_offset:
            self._counts["applied_before"] += 1
            return None
        if type(record) is Merge and (refusal := merging.refusal(record, state)) is not None:
            return refusal
        state.events_offset, state.arrived_at_ms = source.offset, source.timestamp
        subject.now_ms = source.timestamp
        subject.touched, subject.erased = True, False
        if type(record) is Profile:
            is_first = state.created_at_ms is None
            attributes.apply(state, record, at_ms)
            if not self.following.is_idle:
                state.settled_ms = max(state.settled_ms, self.clock_ms)
                record_id = f"{topic}-{self.number}-{source.offset}"
                trigger = Trigger(record_id, at_ms, (record_id,))
                self.following.described(subject, trigger, is_first=is_first, clock_ms=self.clock_ms)
        elif type(record) is Merge:
            self._merge(subject, record.into, at_ms, merging.Source(self.number, source.offset))
        else:
            attributes.erase(subject, self.catalog, at_ms)
        self.shelf.schedule(record.profile_id, self._next_due(subject.state))
        return None

    def _obey(self, command: commands.Command, source: Record) -> Refusal | None:
        """One command: void where the catalog does not back it, refused where it makes no sense."""
        if isinstance(command, commands.Ready):
            done = self.following.made_ready(command, source.offset, source.timestamp)
            if done is True:
                self._ready_ms = self.clock_ms
                self._unjudged = [*self.shelf.ids(), *(one for one in self._held if one not in self.shelf)]
        elif isinstance(command, commands.Membership):
            done = self._become(command, source)
        elif isinstance(command, commands.Union | commands.Forward):
            done = self._take_over(command, source)
        else:
            done = self._fill(command, source)
        if isinstance(done, Refusal):
            return done
        self._counts["obeyed" if done else "void"] += 1
        return None

    def _become(self, command: commands.Membership, source: Record) -> Refusal | bool:
        """A member comes or goes; false when the command is void."""
        segment = membership.backing(command, self.catalog)
        is_known = command.profile_id in self.shelf or command.profile_id in self._held
        if isinstance(segment, Refusal):
            return segment
        if segment is None or not (is_known or command.member):
            return False
        subject = self._asked(command.profile_id, source)
        if subject is not None:
            subject.erased = subject.erased and not command.member
            mark = len(subject.changes)
            membership.apply(subject, segment, command, source.offset)
            trigger = Trigger(command.anchor, command.as_of_ms, command.cause, command.webhook)
            self.following.changed(subject, trigger, mark, self.clock_ms)
            self.shelf.schedule(command.profile_id, self._next_due(subject.state))
        return True

    def _fill(self, command: commands.Backfill, source: Record) -> Refusal | bool:
        """The past of a profile was handed over; false when the command is void."""
        selectors = self.following.selectors_of(command)
        if selectors is None or isinstance(selectors, Refusal):
            return selectors or False
        if not any(performed.entries for performed in command.performed):
            return False
        known = self._held.get(command.profile_id) or self._hold(command.profile_id)
        if known.state.merged_into is not None:
            self._sent.append(merging.filled_on(command, known.state.merged_into, self.number))
            return True
        subject = self._asked(command.profile_id, source)
        if subject is not None and not subject.erased:
            self.following.filled(subject, selectors, command, self.clock_ms)
            self.shelf.schedule(command.profile_id, self._next_due(subject.state))
        return True

    def _asked(self, profile_id: str, source: Record) -> Subject | None:
        """The profile that a command is about; a repeat is known by its offset, also when it changed nothing."""
        subject = self._held.get(profile_id) or self._hold(profile_id)
        if source.offset <= subject.state.commands_offset or subject.state.merged_into is not None:
            self._counts["applied_before"] += 1
            return None
        subject.state.commands_offset = source.offset
        if not self.following.is_idle:
            subject.state.settled_ms = max(subject.state.settled_ms, self.clock_ms)
        subject.now_ms = source.timestamp
        subject.touched = True
        return subject

    def _merge(self, subject: Subject, into: str, at_ms: int, source: merging.Source) -> None:
        """The profile in hand is one person with another: hand it over, and remember where it went."""
        self._sent.append(merging.part(subject, into, at_ms, source))
        self._await_commit(subject.profile_id, subject.state)

    def _pass_on(self, subject: Subject, source: Record, *, is_erasure: bool = False) -> None:
        """A record of a merged profile goes where it went; the state stays as it is, so a repeat goes there again."""
        state = subject.state
        assert state.merged_into is not None
        assert source.value is not None
        self._counts["forwarded"] += 1
        if source.offset > state.events_offset:
            command = commands.Forward(
                state.merged_into, subject.profile_id, self.number, source.offset, source.timestamp, source.value
            )
            self._sent.append(command)
            if is_erasure:
                state.events_offset, state.handing = source.offset, commands.encode(command)
                subject.touched = True
                self._await_commit(subject.profile_id, state)
        elif source.offset == state.events_offset and state.handing is not None:
            # Whoever applied it may have died before the command was sent.
            self._sent.append(commands.decode_handed(state.handing))

    def _take_over(self, command: commands.Union | commands.Forward, source: Record) -> Refusal | bool:
        """What a merged profile was, or a record of it; false when it was taken over before."""
        profile_id = command.profile_id
        subject = self._held.get(profile_id) or self._hold(profile_id)
        state = subject.state
        if source.offset <= state.commands_offset:
            if source.offset == state.commands_offset and state.handing is not None:
                self._sent.append(commands.decode_handed(state.handing))
            return False
        if state.merged_into is not None and not merging.came_round(command, state.merged_into):
            self._sent.append(merging.passed_on(command, state.merged_into))
            return True
        if merging.was_taken_over(state, command):
            return False
        state.merged_into = state.handing = None
        state.commands_offset, subject.now_ms = source.offset, source.timestamp
        subject.touched, subject.erased = True, False
        merging.take_note(state, command)
        if isinstance(command, commands.Union):
            self.following.united(subject, decode_state(command.state), command, self.clock_ms)
        else:
            self._apply_forwarded(subject, command)
        self.shelf.schedule(profile_id, self._next_due(subject.state))
        return True

    def _apply_forwarded(self, subject: Subject, command: commands.Forward) -> None:
        """A record that came to a merged profile; its owner took it, so it can be read."""
        read = decode(command.child.encode(), command.record)
        assert not isinstance(read, Refusal)
        at_ms = epoch_ms(read.created_at, command.arrived_ms)
        assert not isinstance(at_ms, Refusal)
        state = subject.state
        state.settled_ms = max(state.settled_ms, 0 if self.following.is_idle else self.clock_ms)
        if isinstance(read, Merge):
            if merging.refusal(read, state, subject.profile_id) is None:
                source = merging.Source(self.number, state.commands_offset, by_command=True)
                self._merge(subject, read.into, at_ms, source)
            return
        default_id = f"forwarded-{command.partition}-{command.offset}"
        place = forwarded.Place(self.catalog, self.following, self.rules, self.clock_ms, default_id, _is_repeat)
        due_ms = forwarded.apply(subject, read, command, at_ms, place)
        subject.erased = isinstance(read, Erase)
        self.shelf.schedule(subject.profile_id, due_ms)

    def _pass_each(self, arrivals: Sequence[int]) -> None:
        """Move the clock on to each of these instants in turn."""
        latest_ms = max(arrivals, default=0)
        if latest_ms <= self.clock_ms:
            return
        due_ms = self.shelf.next_due()
        if due_ms is None or due_ms >= latest_ms:
            self.clock_ms = latest_ms
            return
        for arrived_ms in arrivals:
            self._pass(arrived_ms)

    def _pass(self, clock_ms: int) -> None:
        """Move the clock on and do what falls due on the way, in the order of the deadlines."""
        if clock_ms <= self.clock_ms:
            return
        self.clock_ms = clock_ms
        while (profile_id := self.shelf.pop_due(clock_ms)) is not None:
            subject = self._held.get(profile_id) or self._hold(profile_id)
            subject.now_ms = clock_ms
            before = len(subject.state.instances)
            if self.following.is_idle:
                deadlines.settle(subject, self.catalog, clock_ms, self.rules)
            else:
                self.following.settle(subject, clock_ms)
            if len(subject.state.instances) != before:
                self.shelf.mark_dirty((profile_id,))
            if subject.state.handing is not None:
                self._let_go(subject)
            due_again_ms = self._next_due(subject.state)
            if due_again_ms is not None and due_again_ms < clock_ms:
                # Nothing of it need be kept any more: time does nothing for it before its input is committed.
                self._await_commit(profile_id, subject.state)
            else:
                self.shelf.schedule(profile_id, due_again_ms)

    def _let_go(self, subject: Subject) -> None:
        """A merged profile need not hand itself over again once its input is committed."""
        state = subject.state
        if state.events_offset < self.committed_offset and state.commands_offset < self.committed_commands:
            state.handing = None
            subject.touched = True
        else:
            self._await_commit(subject.profile_id, state)

    def _hold(self, profile_id: str) -> Subject:
        """Take a profile in hand; what the catalog outdates goes first."""
        encoded = self.shelf.get(profile_id)
        if encoded is None:
            state = ProfileState(
                sequence=self.shelf.floor,
                events_offset=self.handled_offset - 1,
                commands_offset=self.handled_commands - 1,
            )
        else:
            state = decode_state(encoded)
        subject = self._held[profile_id] = Subject(profile_id, state, self.clock_ms)
        if encoded is not None:
            subject.erased = self.shelf.is_stub(profile_id)
        # Either holds from when it was told, whenever its profile comes to hand.
        if self._unswept:
            deadlines.sweep(subject, self.catalog)
            self.following.swept(subject, self._adopted_ms)
        if encoded is not None and self.following.handovers.fresh:
            self.following.judge_fresh(subject, self._ready_ms)
        return subject

    def _next_due(self, state: ProfileState) -> int | None:
        """The instant the clock must pass before time changes anything for this profile; None: never."""
        due_ms = deadlines.next_due(state, self.rules)
        if self.following.is_idle:
            return due_ms
        dynamic_ms = self.following.next_due(state, self.clock_ms)
        return due_ms if dynamic_ms is None else min(dynamic_ms, dynamic_ms if due_ms is None else due_ms)

    def _decided(self, refused: list[Refused]) -> Decided:
        """Encode what was held, put it back, and say what came of it."""
        outcomes: list[tuple[str, Outcome]] = []
        changed: list[str] = []
        for profile_id, subject in self._held.items():
            state = subject.state
            if not subject.touched and self._may_forget(state):
                self.shelf.forget(profile_id, state.sequence)
                continue
            if not subject.touched and profile_id not in self.shelf:
                continue
            encoded = encode_state(state)
            self.shelf.put(profile_id, encoded, stub=subject.erased)
            if not subject.touched:
                continue
            changed.append(profile_id)
            outcome = Outcome(
                self.epoch,
                state.events_offset,
                state.commands_offset,
                state.sequence,
                tuple(subject.changes),
                None if subject.erased else encoded,
            )
            outcomes.append((profile_id, outcome))
        self.shelf.mark_dirty(changed)
        self._held.clear()
        self._look_at_spent()
        counts, self._counts = self._counts, Counter()
        sent, self._sent = self._sent, []
        return Decided(outcomes, refused, counts, sent)

    def _await_commit(self, profile_id: str, state: ProfileState) -> None:
        """Note what the profile waits for: the commit of the newest event it has, or of the newest command."""
        if state.events_offset >= self.committed_offset:
            heapq.heappush(self._spent, (state.events_offset, profile_id))
        else:
            heapq.heappush(self._spent_commands, (state.commands_offset, profile_id))

    def _look_at_spent(self) -> None:
        """Have the profiles looked at that only waited for the commit of their input."""
        for spent, committed in (
            (self._spent, self.committed_offset),
            (self._spent_commands, self.committed_commands),
        ):
            while spent and spent[0][0] < committed:
                _, profile_id = heapq.heappop(spent)
                if profile_id in self.shelf:
                    self.shelf.schedule(profile_id, self.clock_ms)

    def _may_forget(self, state: ProfileState) -> bool:
        """Nothing is left to remember, the day of repeats is over, and no repeat of its input can come."""
        if state.events_offset >= self.committed_offset or state.commands_offset >= self.committed_commands:
            return False
        if not deadlines.holds_nothing(state):
            return False
        due_ms = deadlines.next_due(state, self.rules)
        return due_ms is not None and due_ms < self.clock_ms


def _is_repeat(state: ProfileState, event_id: str, at_ms: int) -> bool:
    """Whether this event id was seen within a day of event time; remembers it when not."""
    digest = xxhash.xxh3_64_intdigest(event_id.encode())
    seen = state.seen
    if digest in seen:
        if abs(at_ms - seen[digest]) <= DEDUPE_WINDOW_MS:
            return True
        del seen[digest]
    seen[digest] = at_ms
    if len(seen) > DEDUPE_IDS:
        del seen[next(iter(seen))]
    return False


def _time_refusal(at_ms: int | Refusal, arrival_ms: int) -> Refusal:
    if isinstance(at_ms, Refusal):
        return at_ms
    ahead_s = (at_ms - arrival_ms) // 1000
    return Refusal("future", f"created_at lies {ahead_s} s after the record arrived: check the producer's clock")
