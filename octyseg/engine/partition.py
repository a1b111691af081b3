"""All profiles of one partition: fed with records, told the time, asked what changed.

    restore(profile_id, state)   before the first feed, once per profile; handled(offsets) then as well
    feed(topic, records)         what these records change, at once or in pieces
    obey(records)                what these commands change
    tick(clock_ms)               what time changes: deadlines, expiries, a bounded part of a sweep
    adopt(catalog)               new definitions; what they outdate is swept by the ticks that follow
    adopted(offset)              dynamic segments begin here; take_handovers() is what must be durable then

The clock never goes back. Within a feed it follows the records: before the first record that arrived
at A is applied, everything due before A is done, so results do not depend on how records were chunked.
Commands come from a log of their own and move no clock: an event that arrived before them may still wait.
State stays encoded until a profile is touched; a record no definition names never touches it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress

from octyseg.engine import attributes, deadlines, merging, repeats, sequence
from octyseg.engine.bounds import CHANGES_TOLD_AT_ONCE
from octyseg.engine.catalog import Catalog
from octyseg.engine.decision import Decided, Record, Refused
from octyseg.engine.dynamic import Trigger
from octyseg.engine.interests import NOTHING, Interests
from octyseg.engine.lots import Lots, Some
from octyseg.engine.obeying import Obeying
from octyseg.engine.profiles import Profiles
from octyseg.engine.rules import DEDUPE_WINDOW_MS, Rules
from octyseg.engine.sequence import Happening
from octyseg.model import command as commands
from octyseg.model.lot import PlainEvent
from octyseg.model.placement import Place
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

# What a record may want that is not decoded yet.
_ANY = Interests((), "")


class Partition(Profiles):
    """One partition's profiles, clock and alarms. One owner, one writer.

    `partitions` is how many there are of the topic; None: whatever comes belongs here.
    """

    def __init__(
        self, catalog: Catalog, rules: Rules, number: int = 0, epoch: int = 0, partitions: int | None = None
    ) -> None:
        super().__init__(catalog, rules, number, epoch)
        self._place = None if partitions is None else Place(number, partitions)
        self._obeying = Obeying(self)
        self._lots = Lots(rules, self._place)

    def feed(self, topic: str, records: Iterable[Record]) -> Decided:
        """Apply records of one topic in offset order; what they change is decided when the feed ends."""
        (decided,) = self.feed_in_pieces(topic, records)
        return decided

    def feed_in_pieces(self, topic: str, records: Iterable[Record], most: int | None = None) -> Iterator[Decided]:
        """The same, but whenever time on its way has come by `most` profiles, what was decided until then.

        A million may wait for what lies between two records. Between the pieces others may work.
        """
        refused: list[Refused] = []
        for some in self._lots.of(records):
            fed = self._feed_lot(topic, some, refused, most) if some.events else 0
            for record in some.records[fed:]:
                while self.pass_to(record.timestamp, most):
                    yield self.decided([])
                self._feed_one(topic, record, refused)
        yield self.decided(refused)

    def obey(self, records: Iterable[Record]) -> Decided:
        """Apply commands in offset order; what they change is decided when all were applied."""
        refused = []
        for record in records:
            command = commands.decode(record.key, record.value)
            if not isinstance(command, Refusal | commands.Ready):
                command = self._misplaced(record) or command
            refusal = command if isinstance(command, Refusal) else self._obeying.obey(command, record)
            if refusal is not None:
                refused.append(Refused(record, refusal))
        return self.decided(refused)

    def _pass_each(self, arrivals: Sequence[int], most: int | None) -> bool:
        """Move the clock on to each of these instants in turn; see `pass_to`."""
        latest_ms = max(arrivals, default=0)
        if latest_ms <= self.clock_ms:
            return False
        due_ms = self.shelf.next_due()
        if due_ms is None or due_ms >= latest_ms:
            self.clock_ms = latest_ms
            return False
        return any(self.pass_to(arrived_ms, most) for arrived_ms in arrivals)

    def _feed_lot(self, topic: str, some: Some, refused: list[Refused], most: int | None) -> int:
        """A lot of plain events: most are of a type no definition cares for, and cost a look-up.

        How many are done; the others are left where time has come by `most` profiles before it came to them.
        """
        records, arrivals, events, event_types, alone = some
        # They hardly ever go back: a broker's clock must be set back for it.
        goes_back = sorted(arrivals) != arrivals
        wanted = [*map(self.catalog.interests.get, event_types)]
        for place in alone:
            wanted[place] = _ANY
        passed = 0
        for place in compress(range(len(wanted)), wanted):
            is_later = arrivals[place] > self.clock_ms or goes_back
            if is_later and self._pass_each(arrivals[passed : place + 1], most):
                break
            passed = place + 1
            event, interests = events[place], wanted[place]
            if event is None or interests is None:
                self._feed_one(topic, records[place], refused)
            else:
                at = event.created_at
                at_ms = at if isinstance(at, int) else (at - EPOCH) // MILLISECOND
                self._apply_event(event, interests, records[place], at_ms, topic)
        else:
            passed = passed if self._pass_each(arrivals[passed:], most) else len(records)
        self.counts["unmatched"] += wanted[:passed].count(None)
        return passed

    def _feed_one(self, topic: str, record: Record, refused: list[Refused]) -> None:
        """A record of any kind, decoded alone."""
        event = decode(record.key, record.value)
        if not isinstance(event, Refusal):
            event = self._misplaced(record) or event
        refusal = self._apply(event, record, topic)
        if refusal is not None:
            refused.append(Refused(record, refusal))

    def _misplaced(self, record: Record) -> Refusal | None:
        """Another partition has the profile of this record, and what would come of it here."""
        assert record.key is not None, "it was decoded"
        return None if self._place is None else self._place.refusal(record.key)

    def _apply_event(
        self, event: Event | PlainEvent, wanted: Interests, record: Record, at_ms: int, topic: str
    ) -> None:
        """An event whose type some definition names."""
        counts, rules, following = self.counts, self.rules, self.following
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
        subject = self.held.get(event.profile_id) or self.take(event.profile_id)
        state = subject.state
        if state.merged_into is not None:
            self._obeying.pass_on(subject, record)
            return
        if record.offset <= state.events_offset:
            counts["applied_before"] += 1
            return
        event_id = f"{topic}-{self.number}-{record.offset}" if event.event_id is None else event.event_id
        if event.event_id is not None and repeats.is_repeat(state, event_id, at_ms):
            counts["repeated"] += 1
            return
        counts["matched"] += 1
        state.events_offset, state.arrived_at_ms = record.offset, record.timestamp
        subject.now_ms = record.timestamp
        # Only what it leads to is shown, and who was erased before.
        subject.touched, subject.shown = True, subject.shown or subject.erased
        subject.erased = False
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
        if len(subject.changes) >= CHANGES_TOLD_AT_ONCE:
            self.tell(subject)

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
            self.counts["unmatched"] += 1
        else:
            self._apply_event(record, wanted, source, at_ms, topic)
        return None

    def _apply_other(self, record: Profile | Merge | Erase, source: Record, at_ms: int, topic: str) -> Refusal | None:
        """A record that is no event."""
        if type(record) is Erase and record.profile_id not in self.shelf and record.profile_id not in self.held:
            return None
        subject = self.take(record.profile_id)
        state = subject.state
        if state.merged_into is not None:
            self._obeying.pass_on(subject, source, is_erasure=type(record) is Erase)
            return None
        if source.offset <= state.events_offset:
            self.counts["applied_before"] += 1
            return None
        if type(record) is Merge and (refusal := merging.refusal(record, state)) is not None:
            return refusal
        if type(record) is Profile and (refusal := attributes.refusal(state, record)) is not None:
            return refusal
        state.events_offset, state.arrived_at_ms = source.offset, source.timestamp
        subject.now_ms = source.timestamp
        subject.touch()
        subject.erased = False
        if type(record) is Profile:
            is_first = state.created_at_ms is None
            attributes.apply(state, record, at_ms)
            if not self.following.is_idle:
                state.settled_ms = max(state.settled_ms, self.clock_ms)
                record_id = f"{topic}-{self.number}-{source.offset}"
                trigger = Trigger(record_id, at_ms, (record_id,))
                self.following.described(subject, trigger, is_first=is_first, clock_ms=self.clock_ms)
        elif type(record) is Merge:
            self._obeying.merge(subject, record.into, at_ms, merging.Source(self.number, source.offset))
        else:
            attributes.erase(subject, self.catalog, at_ms)
        self.shelf.schedule(record.profile_id, self.next_due_of(subject.state))
        return None


def _time_refusal(at_ms: int | Refusal, arrival_ms: int) -> Refusal:
    if isinstance(at_ms, Refusal):
        return at_ms
    ahead_s = (at_ms - arrival_ms) // 1000
    return Refusal("future", f"created_at lies {ahead_s} s after the record arrived: check the producer's clock")
