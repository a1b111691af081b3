"""The profiles of one partition: kept encoded, taken in hand when something concerns them, put back when it is decided.

Time passes here too. The clock never goes back, and what is due on its way is done in the order of the
deadlines. What changed while profiles were in hand is told by `decided`.
"""

import heapq
from collections import Counter

from octyseg.engine import deadlines
from octyseg.engine.bounds import fitted
from octyseg.engine.catalog import Catalog
from octyseg.engine.decision import Decided, Refused
from octyseg.engine.following import Following
from octyseg.engine.rules import Rules
from octyseg.engine.shelf import Shelf
from octyseg.engine.state import ProfileState, decode_state, encode_state
from octyseg.engine.subject import Subject
from octyseg.model.command import HandedOn
from octyseg.model.outcome import Adopted, Outcome


class Profiles:
    """What one owner has of one partition, from its opening to its close."""

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
        self.sent: list[HandedOn] = []
        self.following = Following(rules, epoch)
        self.following.adopt(catalog)
        self.held: dict[str, Subject] = {}
        self._outcomes: list[tuple[str, Outcome]] = []
        self.counts: Counter[str] = Counter()
        self._sweep_told = False
        # Something that was due has been left for the next call.
        self.is_behind = False

    def __len__(self) -> int:
        """How many profiles the partition remembers."""
        return len(self.shelf)

    # What the owner tells and asks.

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
        due_ms = self.next_due_of(decoded)
        self.shelf.schedule(profile_id, None if due_ms is None else max(due_ms, decoded.arrived_at_ms))
        if deadlines.is_outdated(decoded, self.catalog) or self.following.is_outdated(decoded):
            self._unswept.append(profile_id)
        if self.following.handovers.fresh:
            self._unjudged.append(profile_id)
        if decoded.handing is not None:
            self.await_commit(profile_id, decoded)

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

    def tick(self, clock_ms: int, sweep: int = 500, most: int | None = None) -> Decided:
        """Let time pass up to `clock_ms`, by `most` profiles (see `pass_to`), and sweep at most `sweep` profiles."""
        self.pass_to(clock_ms, most)
        while self._unswept and sweep > 0:
            sweep -= 1
            profile_id = self._unswept[-1]
            if profile_id in self.shelf and profile_id not in self.held:
                subject = self.take(profile_id)
                self.shelf.schedule(profile_id, self.next_due_of(subject.state))
            self._unswept.pop()
        while self._unjudged and sweep > 0:
            sweep -= 1
            profile_id = self._unjudged.pop()
            if profile_id in self.shelf and profile_id not in self.held:
                self.shelf.schedule(profile_id, self.next_due_of(self.take(profile_id).state))
        if not self._unjudged:
            self.following.handovers.all_judged()
        return self.decided([])

    def judge_all(self) -> None:
        """A dynamic segment became ready: the ticks that follow judge every profile there is."""
        self._ready_ms = self.clock_ms
        self._unjudged = [*self.shelf.ids(), *(one for one in self.held if one not in self.shelf)]

    @property
    def is_sweeping(self) -> bool:
        """Whether a tick has profiles to look at whatever the time."""
        return bool(self._unswept or self._unjudged)

    def next_due(self) -> int | None:
        """The instant the clock must pass before a tick does anything; None: nothing is due ever."""
        due_ms = self.shelf.next_due()
        return None if due_ms is None else max(due_ms, self.clock_ms)

    def is_due(self, clock_ms: int) -> bool:
        """Whether a tick to this instant would do anything for somebody."""
        due_ms = self.next_due()
        return due_ms is not None and due_ms < clock_ms

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

    # For whoever applies records and commands.

    def take(self, profile_id: str) -> Subject:
        """The profile in hand; what the catalog outdates goes when it is taken."""
        held = self.held.get(profile_id)
        if held is not None:
            return held
        encoded = self.shelf.get(profile_id)
        if encoded is None:
            state = ProfileState(
                sequence=self.shelf.floor,
                events_offset=self.handled_offset - 1,
                commands_offset=self.handled_commands - 1,
            )
        else:
            state = decode_state(encoded)
        subject = self.held[profile_id] = Subject(profile_id, state, self.clock_ms)
        if encoded is None:
            subject.shown = True
        else:
            subject.erased = self.shelf.is_stub(profile_id)
        # Either holds from when it was told, whenever its profile comes to hand.
        if self._unswept:
            deadlines.sweep(subject, self.catalog)
            self.following.swept(subject, self._adopted_ms)
        if encoded is not None and self.following.handovers.fresh:
            self.following.judge_fresh(subject, self._ready_ms)
            # What turned since then had no alarm: nobody knew that it would.
            self.following.settle(subject, self.clock_ms)
        return subject

    def pass_to(self, clock_ms: int, most: int | None = None) -> bool:
        """Move the clock on and do what falls due on the way, in the order of the deadlines.

        True: `most` profiles were looked at and more wait, for the same call once more.
        """
        if clock_ms > self.clock_ms or self.is_behind:
            self.clock_ms = max(self.clock_ms, clock_ms)
            self._do_due(most)
        return self.is_behind

    def _do_due(self, most: int | None) -> None:
        clock_ms, self.is_behind = self.clock_ms, False
        while (profile_id := self.shelf.pop_due(clock_ms)) is not None:
            subject = self.take(profile_id)
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
            due_again_ms = self.next_due_of(subject.state)
            if due_again_ms is not None and due_again_ms < clock_ms:
                # Nothing of it need be kept any more: time does nothing for it before its input is committed.
                self.await_commit(profile_id, subject.state)
            else:
                self.shelf.schedule(profile_id, due_again_ms)
            most = None if most is None else most - 1
            if most == 0:
                due_ms = self.shelf.next_due()
                self.is_behind = due_ms is not None and due_ms < clock_ms
                return

    def next_due_of(self, state: ProfileState) -> int | None:
        """The instant the clock must pass before time changes anything for this profile; None: never."""
        due_ms = deadlines.next_due(state, self.rules)
        if self.following.is_idle:
            return due_ms
        dynamic_ms = self.following.next_due(state, self.clock_ms)
        return due_ms if dynamic_ms is None else min(dynamic_ms, dynamic_ms if due_ms is None else due_ms)

    def await_commit(self, profile_id: str, state: ProfileState) -> None:
        """Note what the profile waits for: the commit of the newest event it has, or of the newest command."""
        if state.events_offset >= self.committed_offset:
            heapq.heappush(self._spent, (state.events_offset, profile_id))
        else:
            heapq.heappush(self._spent_commands, (state.commands_offset, profile_id))

    def decided(self, refused: list[Refused]) -> Decided:
        """Encode what was held, put it back, and say what came of it."""
        changed: list[str] = []
        for profile_id, subject in self.held.items():
            state = subject.state
            if not subject.touched and self._may_forget(state):
                self.shelf.forget(profile_id, state.sequence)
                continue
            if not subject.touched and profile_id not in self.shelf:
                continue
            encoded = self.tell(subject) if subject.touched else fitted(state)
            self.shelf.put(profile_id, encoded, stub=subject.erased)
            if subject.touched:
                changed.append(profile_id)
        outcomes, self._outcomes = self._outcomes, []
        self.shelf.mark_dirty(changed)
        self.held.clear()
        self._look_at_spent()
        counts, self.counts = self.counts, Counter()
        sent, self.sent = self.sent, []
        return Decided(outcomes, refused, counts, sent)

    # How it does that.

    def tell(self, subject: Subject) -> bytes:
        """Make an outcome of what the profile is now and its changes until now; its state, encoded."""
        encoded = fitted(subject.state)
        self._outcomes.append((subject.profile_id, subject.outcome(self.epoch, encoded)))
        return encoded

    def _let_go(self, subject: Subject) -> None:
        """A merged profile need not hand itself over again once its input is committed."""
        state = subject.state
        if state.events_offset < self.committed_offset and state.commands_offset < self.committed_commands:
            state.handing = None
            subject.touch()
        else:
            self.await_commit(subject.profile_id, state)

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
