"""Commands: what the batch agent, static lists and the API ask of the one writer of a profile.

Records on `octyseg.commands`, JSON, keyed by profile_id, so that partition p of it belongs to who owns
partition p of events. `decode` gives the command or says why it is refused; whether the catalog backs
what is asked is the engine's to judge. A command may come again: its offset makes the repeat harmless.
"""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from octyseg.model.record import MAX_EPOCH_MS, MAX_PROFILE_ID_BYTES
from octyseg.model.refusal import Refusal
from octyseg.model.structure import lowered

MAX_COMMAND_BYTES = 1024 * 1024
READY_KEY = b"\x00ready"

ProfileId = Annotated[str, Meta(min_length=1)]
SegmentId = Annotated[str, Meta(min_length=1)]
Version = Annotated[int, Meta(ge=1, lt=2**31)]
# Epoch milliseconds: no instant lies before the epoch, nor where a state could not hold it.
Instant = Annotated[int, Meta(ge=0, lt=MAX_EPOCH_MS)]
Partition = Annotated[int, Meta(ge=0, lt=2**16)]
# Of another partition below 0, see octyseg.engine.merging.
Offset = Annotated[int, Meta(ge=-(2**61), lt=2**61)]

MembershipReason = Literal["matched", "no_longer_matches", "imported", "removed_by_user"]


class Membership(Struct, frozen=True, tag="membership", tag_field="type", gc=False):
    """Be a member of a past or static segment, or be none any more, as found at `as_of_ms`.

    `anchor` names what asked (a run, an upload, a request): the change_id is made of it, of `as_of_ms` and
    of where the command stands on the log. `webhook` false: receivers are not told.
    """

    profile_id: ProfileId
    segment_id: SegmentId
    version: Version
    member: bool
    reason: MembershipReason
    as_of_ms: Instant
    anchor: str
    cause: tuple[str, ...] = ()
    webhook: bool = True


class Performed(Struct, frozen=True):
    """What the history knows for one performed leaf: (event time, offset) of the newest events it can need.

    `leaf` counts the performed leaves of the definition's conditions from 0, as they are written.
    """

    leaf: Annotated[int, Meta(ge=0, lt=2**31)]
    entries: tuple[tuple[Instant, Offset], ...]


class Backfill(Struct, frozen=True, tag="backfill", tag_field="type"):
    """What one profile did before a dynamic segment was there: events of the log below `below_offset`."""

    profile_id: ProfileId
    segment_id: SegmentId
    version: Version
    below_offset: Annotated[int, Meta(ge=0, lt=2**61)]
    performed: tuple[Performed, ...] = ()


class Ready(Struct, frozen=True, tag="ready", tag_field="type"):
    """All backfills of a dynamic segment were sent to this partition: judge its profiles from here on."""

    segment_id: SegmentId
    version: Version
    below_offset: Annotated[int, Meta(ge=0, lt=2**61)]
    webhook: bool = False


class Union(Struct, frozen=True, tag="union", tag_field="type"):
    """Take in what the profile `child` was when it was merged into this one: its encoded state.

    Sent by the owner of the child, whose partition and offset (of the record that merged it, or of the
    command by which such a record came) tell a repeat.
    `path` has the profiles it came by that had been merged themselves.
    """

    profile_id: ProfileId
    child: ProfileId
    partition: Partition
    offset: Offset
    at_ms: Instant
    state: bytes
    by_command: bool = False
    path: tuple[str, ...] = ()


class Forward(Struct, frozen=True, tag="forward", tag_field="type"):
    """A record of a profile that was merged into this one, byte for byte, and when it arrived."""

    profile_id: ProfileId
    child: ProfileId
    partition: Partition
    offset: Offset
    arrived_ms: Instant
    record: bytes
    path: tuple[str, ...] = ()


# What owners send each other.
HandedOn = Backfill | Union | Forward
Command = Membership | Backfill | Ready | Union | Forward

encode = msgspec.json.Encoder().encode
_handed: msgspec.json.Decoder[HandedOn] = msgspec.json.Decoder(HandedOn)
_decoder: msgspec.json.Decoder[Command] = msgspec.json.Decoder(Command)


def decode_handed(value: bytes) -> HandedOn:
    """A command as a merged profile keeps it; only what `encode` wrote is given here."""
    return _handed.decode(value)


def key_of(command: Command) -> bytes:
    """The key a command stands under."""
    return READY_KEY if isinstance(command, Ready) else command.profile_id.encode()


def decode(key: bytes | None, value: bytes | None) -> Command | Refusal:
    """Decode one command; everything but what the catalog says of it is checked."""
    if not value:
        return Refusal("empty", "the command has no value: send one JSON object")
    if len(value) > MAX_COMMAND_BYTES:
        return Refusal("too_large", f"the command has {len(value)} bytes: at most {MAX_COMMAND_BYTES} are taken")
    try:
        command = _decoder.decode(value)
    except msgspec.ValidationError as error:
        if "`$.type`" in str(error) or "field `type`" in str(error):
            return Refusal(
                "unknown_type", f"command: {lowered(error)}: use membership, backfill, ready, union or forward"
            )
        return Refusal("bad_field", f"command: {lowered(error)}")
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Refusal("bad_json", f"the command is not JSON ({lowered(error)}): send one JSON object")
    if key is None:
        return Refusal("key_missing", f"the command has no key: use {key_of(command)!r}")
    wanted = key_of(command)
    if key != wanted:
        return Refusal(
            "key_mismatch", f"the command's key is not {wanted!r}: a command goes to its profile's partition"
        )
    if len(wanted) > MAX_PROFILE_ID_BYTES or not (isinstance(command, Ready) or _is_id(command.profile_id)):
        return Refusal("bad_profile_id", "profile_id is too long or holds control characters: send the id of a profile")
    return command


def _is_id(profile_id: str) -> bool:
    return not profile_id.isspace() and not any(one < " " or "\x7f" <= one < "\xa0" for one in profile_id)
