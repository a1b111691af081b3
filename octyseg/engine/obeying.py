"""Commands, and the way of records and states from a merged profile to the one it became.

Commands come from a log of their own and move no clock: an event that arrived before them may still wait.
A repeat is known by its offset, one from another partition by its child and the offset there.
"""

import msgspec

from octyseg.engine import attributes, forwarded, membership, merging
from octyseg.engine.decision import Record
from octyseg.engine.dynamic import Trigger
from octyseg.engine.profiles import Profiles
from octyseg.engine.state import ProfileState, decode_state
from octyseg.engine.subject import Subject
from octyseg.model import command as commands
from octyseg.model.record import Erase, InputRecord, Merge, Profile, decode, epoch_ms
from octyseg.model.refusal import Refusal
from octyseg.model.structure import lowered


class Obeying:
    """What commands do to the profiles of a partition, and what is handed to others for them."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def obey(self, command: commands.Command, source: Record) -> Refusal | None:
        """One command: void where the catalog does not back it, refused where it makes no sense."""
        profiles = self._profiles
        if isinstance(command, commands.Ready):
            done = profiles.following.made_ready(command, source.offset, source.timestamp)
            if done is True:
                profiles.judge_all()
        elif isinstance(command, commands.Membership):
            done = self._become(command, source)
        elif isinstance(command, commands.Union | commands.Forward):
            done = self._take_over(command, source)
        else:
            done = self._fill(command, source)
        if isinstance(done, Refusal):
            return done
        profiles.counts["obeyed" if done else "void"] += 1
        return None

    def merge(self, subject: Subject, into: str, at_ms: int, source: merging.Source) -> None:
        """The profile in hand is one person with another: hand it over, and remember where it went."""
        profiles = self._profiles
        profiles.sent.append(merging.part(subject, into, at_ms, source))
        profiles.await_commit(subject.profile_id, subject.state)

    def pass_on(self, subject: Subject, source: Record, *, is_erasure: bool = False) -> None:
        """A record of a merged profile goes where it went; the state stays as it is, so a repeat goes there again."""
        profiles = self._profiles
        state = subject.state
        assert state.merged_into is not None
        assert source.value is not None
        profiles.counts["forwarded"] += 1
        if source.offset > state.events_offset:
            command = commands.Forward(
                state.merged_into,
                subject.profile_id,
                profiles.number,
                source.offset,
                source.timestamp,
                source.value,
            )
            profiles.sent.append(command)
            if is_erasure:
                state.events_offset, state.handing = source.offset, commands.encode(command)
                subject.touch()
                profiles.await_commit(subject.profile_id, state)
        elif source.offset == state.events_offset and state.handing is not None:
            # Whoever applied it may have died before the command was sent.
            profiles.sent.append(commands.decode_handed(state.handing))

    def _become(self, command: commands.Membership, source: Record) -> Refusal | bool:
        """A member comes or goes; false when the command is void."""
        profiles = self._profiles
        segment = membership.backing(command, profiles.catalog)
        is_known = command.profile_id in profiles.shelf or command.profile_id in profiles.held
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
            profiles.following.changed(subject, trigger, mark, profiles.clock_ms)
            profiles.shelf.schedule(command.profile_id, profiles.next_due_of(subject.state))
        return True

    def _fill(self, command: commands.Backfill, source: Record) -> Refusal | bool:
        """The past of a profile was handed over; false when the command is void."""
        profiles = self._profiles
        selectors = profiles.following.selectors_of(command)
        if selectors is None or isinstance(selectors, Refusal):
            return selectors or False
        if not any(performed.entries for performed in command.performed):
            return False
        known = profiles.take(command.profile_id)
        if known.state.merged_into is not None:
            profiles.sent.append(merging.filled_on(command, known.state.merged_into, profiles.number))
            return True
        subject = self._asked(command.profile_id, source)
        if subject is not None and not subject.erased:
            profiles.following.filled(subject, selectors, command, profiles.clock_ms)
            profiles.shelf.schedule(command.profile_id, profiles.next_due_of(subject.state))
        return True

    def _asked(self, profile_id: str, source: Record) -> Subject | None:
        """The profile that a command is about; a repeat is known by its offset, also when it changed nothing."""
        profiles = self._profiles
        subject = profiles.take(profile_id)
        if source.offset <= subject.state.commands_offset or subject.state.merged_into is not None:
            profiles.counts["applied_before"] += 1
            return None
        subject.state.commands_offset = source.offset
        if not profiles.following.is_idle:
            subject.state.settled_ms = max(subject.state.settled_ms, profiles.clock_ms)
        subject.now_ms = source.timestamp
        subject.touch()
        return subject

    def _take_over(self, command: commands.Union | commands.Forward, source: Record) -> Refusal | bool:
        """What a merged profile was, or a record of it; false when it was taken over before."""
        profiles = self._profiles
        profile_id = command.profile_id
        handed = _handed(command)
        if isinstance(handed, Refusal):
            return handed
        subject = profiles.take(profile_id)
        state = subject.state
        if source.offset <= state.commands_offset:
            if source.offset == state.commands_offset and state.handing is not None:
                profiles.sent.append(commands.decode_handed(state.handing))
            return False
        if state.merged_into is not None and not merging.came_round(command, state.merged_into):
            profiles.sent.append(merging.passed_on(command, state.merged_into))
            return True
        if merging.was_taken_over(state, command):
            return False
        if isinstance(handed, Profile) and (refusal := attributes.refusal(state, handed)) is not None:
            return refusal
        state.merged_into = state.handing = None
        state.commands_offset, subject.now_ms = source.offset, source.timestamp
        subject.touch()
        subject.erased = False
        merging.take_note(state, command)
        if isinstance(command, commands.Union):
            assert isinstance(handed, ProfileState)
            profiles.following.united(subject, handed, command, profiles.clock_ms)
        else:
            assert not isinstance(handed, ProfileState)
            self._apply_forwarded(subject, handed, command)
        profiles.shelf.schedule(profile_id, profiles.next_due_of(subject.state))
        return True

    def _apply_forwarded(self, subject: Subject, read: InputRecord, command: commands.Forward) -> None:
        """A record that came to a merged profile."""
        profiles = self._profiles
        at_ms = epoch_ms(read.created_at, command.arrived_ms)
        assert not isinstance(at_ms, Refusal)
        state = subject.state
        state.settled_ms = max(state.settled_ms, 0 if profiles.following.is_idle else profiles.clock_ms)
        if isinstance(read, Merge):
            if merging.refusal(read, state, subject.profile_id) is None:
                source = merging.Source(profiles.number, state.commands_offset, by_command=True)
                self.merge(subject, read.into, at_ms, source)
            return
        default_id = f"forwarded-{command.partition}-{command.offset}"
        place = forwarded.Place(profiles.catalog, profiles.following, profiles.rules, profiles.clock_ms, default_id)
        due_ms = forwarded.apply(subject, read, command, at_ms, place)
        subject.erased = isinstance(read, Erase)
        profiles.shelf.schedule(subject.profile_id, due_ms)


def _handed(command: commands.Union | commands.Forward) -> ProfileState | InputRecord | Refusal:
    """What is handed over, read; owners hand on nothing that cannot be."""
    if isinstance(command, commands.Forward):
        read = decode(command.child.encode(), command.record)
        if isinstance(read, Refusal):
            return read
        at_ms = epoch_ms(read.created_at, command.arrived_ms)
        return at_ms if isinstance(at_ms, Refusal) else read
    try:
        return decode_state(command.state)
    except msgspec.MsgspecError as error:
        return Refusal("bad_field", f"command: state cannot be read: {lowered(error)}")
