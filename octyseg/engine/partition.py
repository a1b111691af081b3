"""All profiles of one partition: fed with records, told the time, asked what changed.

    restore(profile_id, state)   before the first feed, once per profile; handled(offset) then as well
    feed(topic, records)         what these records change
    tick(clock_ms)               what time changes: deadlines, expiries, a bounded part of a sweep
    adopt(catalog)               new definitions; what they outdate is swept by the ticks that follow

The clock never goes back. Within a feed it follows the records: before the first record that arrived
at A is applied, everything due before A is done, so results do not depend on how records were chunked.
State stays encoded until a profile is touched; a record no definition names never touches it.
"""

import hashlib
import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import islice
from typing import NamedTuple, Protocol

from octyseg.engine import attributes, deadlines, sequence
from octyseg.engine.catalog import Catalog, Interest
from octyseg.engine.rules import DEDUPE_IDS, DEDUPE_WINDOW_MS, Rules
from octyseg.engine.sequence import Happening
from octyseg.engine.shelf import Shelf
from octyseg.engine.state import ProfileState, decode_state, encode_state
from octyseg.engine.subject import Subject
from octyseg.model.lot import Lot, decode_lot
from octyseg.model.outcome import Outcome
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

# Records decoded at once, and the least that are worth it.
LOT_RECORDS = 500
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
    """What a feed or a tick decided: outcomes by profile, refused records, counts by name."""

    outcomes: list[tuple[str, Outcome]]
    refused: list[Refused]
    counts: Counter[str]


class Partition:
    """One partition's profiles, clock and alarms. One owner, one writer."""

    def __init__(self, catalog: Catalog, rules: Rules, number: int = 0, epoch: int = 0) -> None:
        self.catalog = catalog
        self.rules = rules
        self.number = number
        self.epoch = epoch
        self.clock_ms = 0
        self.committed_offset = 0
        self.handled_offset = 0
        self.shelf = Shelf()
        # A heap of (events_offset, profile_id): nothing keeps these but their input, which may be read again.
        self._spent: list[tuple[int, str]] = []
        self._unswept: list[str] = []
        self._held: dict[str, Subject] = {}
        self._counts: Counter[str] = Counter()
        self._sweep_told = False
        self._lots_untried = 0

    def __len__(self) -> int:
        """How many profiles the partition remembers."""
        return len(self.shelf)

    # What the owner tells.

    def restore(self, profile_id: str, state: bytes | None, sequence: int = 0, events_offset: int = -1) -> None:
        """Put back the newest state of a profile; None: it was erased or forgotten at this sequence and offset."""
        if state is None:
            decoded = ProfileState(sequence=sequence, events_offset=events_offset)
            self.shelf.put(profile_id, encode_state(decoded), stub=True)
        else:
            decoded = decode_state(state)
            self.shelf.put(profile_id, state)
        due_ms = deadlines.next_due(decoded, self.rules)
        self.shelf.schedule(profile_id, None if due_ms is None else max(due_ms, decoded.arrived_at_ms))
        if deadlines.is_outdated(decoded, self.catalog):
            self._unswept.append(profile_id)

    def adopt(self, catalog: Catalog) -> None:
        """Follow new definitions; profiles that hold anything of the old ones are swept by later ticks."""
        outdated = catalog.outdates(self.catalog)
        self.catalog = catalog
        self._sweep_told = False
        if outdated:
            self._unswept = self.shelf.ids()

    def committed(self, offset: int) -> None:
        """Input below this offset will never be read again; what only a repeat would need may go."""
        self.committed_offset = max(self.committed_offset, offset)
        self._look_at_spent()

    def handled(self, offset: int) -> None:
        """All input below this offset was applied before; who is not among the restored has nothing of it left."""
        self.handled_offset = offset

    # What the owner asks.

    def feed(self, topic: str, records: Iterable[Record]) -> Decided:
        """Apply records of one topic in offset order; what they change is decided when the feed ends."""
        refused: list[Refused] = []
        source = iter(records)
        while some := list(islice(source, LOT_RECORDS)):
            lot = self._plain_lot(some)
            if lot is None:
                self._feed_each(topic, some, refused)
            else:
                self._feed_lot(topic, some, lot)
        return self._decided(refused)

    def tick(self, clock_ms: int, sweep: int = 500) -> Decided:
        """Let time pass up to `clock_ms` and sweep at most `sweep` profiles."""
        self._pass(clock_ms)
        while self._unswept and sweep > 0:
            sweep -= 1
            profile_id = self._unswept[-1]
            if profile_id in self.shelf and profile_id not in self._held:
                subject = self._hold(profile_id)
                self.shelf.schedule(profile_id, deadlines.next_due(subject.state, self.rules))
            self._unswept.pop()
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

    def _plain_lot(self, records: Sequence[Record]) -> Lot | None:
        """The events of the records when all of them are plain and name an instant that needs no look."""
        if len(records) < LEAST_LOT:
            return None
        if self._lots_untried:
            self._lots_untried -= 1
            return None
        lot = decode_lot([record.key for record in records], [record.value for record in records])
        if lot is not None and lot.earliest > EPOCH:
            arrived_ms = min([record.timestamp for record in records])
            if lot.latest <= EPOCH + MILLISECOND * (arrived_ms + self.rules.future_ms):
                return lot
        self._lots_untried = LOTS_UNTRIED
        return None

    def _feed_lot(self, topic: str, records: Sequence[Record], lot: Lot) -> None:
        """A lot of plain events: most are of a type no definition cares for, and cost a look-up."""
        interests = self.catalog.interests
        arrivals = [record.timestamp for record in records]
        passed_ms = -1
        unmatched = 0
        for place, (event_type, arrived_ms) in enumerate(zip(lot.event_types, arrivals, strict=True)):
            if arrived_ms != passed_ms:
                passed_ms = arrived_ms
                self._pass(arrived_ms)
            wanted = interests.get(event_type)
            if wanted is None:
                unmatched += 1
                continue
            event = lot.events[place]
            assert type(event.created_at) is datetime
            self._apply_event(event, wanted, records[place], (event.created_at - EPOCH) // MILLISECOND, topic)
        self._counts["unmatched"] += unmatched

    def _feed_each(self, topic: str, records: Iterable[Record], refused: list[Refused]) -> None:
        """Records of any kind, each decoded alone."""
        for record in records:
            self._pass(record.timestamp)
            event = decode(record.key, record.value)
            refusal = self._apply(event, record, topic)
            if refusal is not None:
                refused.append(Refused(record, refusal))

    def _apply_event(self, event: Event, wanted: tuple[Interest, ...], record: Record, at_ms: int, topic: str) -> None:
        """An event whose type some definition names."""
        counts, rules = self._counts, self.rules
        if record.timestamp - at_ms > rules.live_max_age_ms:
            counts["history_only"] += 1
            return
        properties = event.event_properties
        assert properties is not None
        played = [
            (interest.segment, parts)
            for interest in wanted
            if (parts := sequence.parts_of(interest, properties)) is not None
        ]
        if not played:
            counts["unmatched"] += 1
            return
        subject = self._held.get(event.profile_id) or self._hold(event.profile_id)
        state = subject.state
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
        sequence.apply_all(subject, played, Happening(event_id, at_ms, properties), rules)
        self.shelf.schedule(event.profile_id, deadlines.next_due(state, rules))

    def _apply(self, record: InputRecord | Refusal, source: Record, topic: str) -> Refusal | None:
        """One record of any kind; the refusal when it cannot be applied."""
        if isinstance(record, Refusal):
            return record
        arrival_ms = source.timestamp
        at_ms = epoch_ms(record.created_at, arrival_ms)
        if isinstance(at_ms, Refusal) or at_ms > arrival_ms + self.rules.future_ms:
            return _time_refusal(at_ms, arrival_ms)
        if not isinstance(record, Event):
            return self._apply_other(record, source, at_ms)
        wanted = self.catalog.interests.get(record.event_type)
        if wanted is None:
            self._counts["unmatched"] += 1
        else:
            self._apply_event(record, wanted, source, at_ms, topic)
        return None

    def _apply_other(self, record: Profile | Merge | Erase, source: Record, at_ms: int) -> Refusal | None:
        """A record that is no event."""
        if type(record) is Merge:
            return Refusal("unsupported", "merge records are not applied yet: send the record again once they are")
        if type(record) is Erase and record.profile_id not in self.shelf and record.profile_id not in self._held:
            return None
        subject = self._held.get(record.profile_id) or self._hold(record.profile_id)
        state = subject.state
        if source.offset <= state.events_offset:
            self._counts["applied_before"] += 1
            return None
        state.events_offset, state.arrived_at_ms = source.offset, source.timestamp
        subject.now_ms = source.timestamp
        subject.touched, subject.erased = True, False
        if type(record) is Profile:
            attributes.apply(state, record, at_ms)
        else:
            attributes.erase(subject, self.catalog, at_ms)
        self.shelf.schedule(record.profile_id, deadlines.next_due(subject.state, self.rules))
        return None

    def _pass(self, clock_ms: int) -> None:
        """Move the clock on and do what falls due on the way, in the order of the deadlines."""
        if clock_ms <= self.clock_ms:
            return
        self.clock_ms = clock_ms
        while (profile_id := self.shelf.pop_due(clock_ms)) is not None:
            subject = self._held.get(profile_id) or self._hold(profile_id)
            subject.now_ms = clock_ms
            before = len(subject.state.instances)
            deadlines.settle(subject, self.catalog, clock_ms, self.rules)
            if len(subject.state.instances) != before:
                self.shelf.mark_dirty((profile_id,))
            due_again_ms = deadlines.next_due(subject.state, self.rules)
            if due_again_ms is not None and due_again_ms < clock_ms:
                # Nothing of it need be kept any more: time does nothing for it before its input is committed.
                heapq.heappush(self._spent, (subject.state.events_offset, profile_id))
            else:
                self.shelf.schedule(profile_id, due_again_ms)

    def _hold(self, profile_id: str) -> Subject:
        """Take a profile in hand; what the catalog outdates goes first."""
        encoded = self.shelf.get(profile_id)
        if encoded is None:
            state = ProfileState(sequence=self.shelf.floor, events_offset=self.handled_offset - 1)
        else:
            state = decode_state(encoded)
        subject = self._held[profile_id] = Subject(profile_id, state, self.clock_ms)
        if encoded is not None:
            subject.erased = self.shelf.is_stub(profile_id)
        if self._unswept:
            deadlines.sweep(subject, self.catalog)
        return subject

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
        return Decided(outcomes, refused, counts)

    def _look_at_spent(self) -> None:
        """Have the profiles looked at that only waited for the commit of their input."""
        while self._spent and self._spent[0][0] < self.committed_offset:
            _, profile_id = heapq.heappop(self._spent)
            if profile_id in self.shelf:
                self.shelf.schedule(profile_id, self.clock_ms)

    def _may_forget(self, state: ProfileState) -> bool:
        """Nothing is left to remember, the day of repeats is over, and no repeat of its input can come."""
        if state.events_offset >= self.committed_offset or not deadlines.holds_nothing(state):
            return False
        due_ms = deadlines.next_due(state, self.rules)
        return due_ms is not None and due_ms < self.clock_ms


def _is_repeat(state: ProfileState, event_id: str, at_ms: int) -> bool:
    """Whether this event id was seen within a day of event time; remembers it when not."""
    digest = int.from_bytes(hashlib.blake2b(event_id.encode(), digest_size=8).digest())
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
