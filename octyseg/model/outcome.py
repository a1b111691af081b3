"""What the live stage writes: outcomes and claims on `octyseg.outcomes`, markers on `octyseg.state`.

One Outcome holds the changes of a profile and the state they led to, so deciding is one append.
Reserved keys start with a NUL, which no profile id may contain. All values are msgpack arrays.
"""

import msgspec
from msgspec import Struct

from octyseg.model.change import TagChange

CLAIM_KEY = b"\x00claim"
SWEPT_KEY = b"\x00swept"
ADOPTED_KEY = b"\x00adopted"
MARKER_KEY = b"\x00marker"
FLOOR_KEY = b"\x00floor"
# A tombstone on `octyseg.state` says in a header whose it is.
EPOCH_HEADER = "epoch"


class Outcome(Struct, frozen=True, array_like=True, gc=False):
    """What inputs or time changed for one profile, keyed by profile_id.

    `events_offset` and `commands_offset` are the highest input offsets applied (-1: none yet).
    `sequence` is that of the last change. `state` is the encoded ProfileState after the changes;
    None means that the profile was erased or has nothing left to remember. `shown` is false when neither its
    tags nor its attributes are others than before: who shows those has nothing to do.
    """

    epoch: int
    events_offset: int
    commands_offset: int
    sequence: int
    changes: tuple[TagChange, ...]
    state: bytes | None
    shown: bool = True


class Claim(Struct, frozen=True, array_like=True):
    """An owner opening a partition, under CLAIM_KEY. Outcomes of a lower epoch behind it are void.

    `started_at_ms` is the arrival of the first claim its process ever made, 0 in that claim itself.
    """

    epoch: int
    instance_id: str
    started_at_ms: int


class Swept(Struct, frozen=True, array_like=True):
    """The owner's word that no profile of the partition holds a tag of these segments any more."""

    epoch: int
    segment_ids: tuple[str, ...]


class Adopted(Struct, frozen=True, array_like=True):
    """How far a dynamic segment has come in this partition, under ADOPTED_KEY; a later record replaces it.

    From `events_offset` on the partition remembers what the conditions count; what came before has to be
    handed over (octyseg.model.command: Backfill, Ready). `ready_offset` is that of the Ready command, -1
    while the segment is building; then its profiles are judged, as of `ready_ms`, and `judged` says that
    all were. It holds for every version from `version` on that matches alike.
    """

    epoch: int
    segment_id: str
    version: int
    events_offset: int
    ready_offset: int = -1
    ready_ms: int = 0
    webhook: bool = False
    judged: bool = False


class Marker(Struct, frozen=True, array_like=True):
    """The end of a flush on `octyseg.state`: it covers outcomes below `outcomes_offset`.

    `floor` is the highest sequence of any profile that the partition has forgotten, `adopted` how far
    each dynamic segment has come.
    """

    epoch: int
    outcomes_offset: int
    events_offset: int
    commands_offset: int
    floor: int
    adopted: tuple[Adopted, ...] = ()


class StateRecord(Struct, frozen=True, array_like=True):
    """The newest state of a profile on `octyseg.state`; a tombstone when nothing is left.

    `erased`: only how far the profile had come is in it, until no repeat of its input can come any more.
    """

    epoch: int
    state: bytes
    erased: bool = False


class Floor(Struct, frozen=True, array_like=True):
    """Written before the tombstones of a flush, under FLOOR_KEY: no sequence starts at or below it."""

    floor: int


encode = msgspec.msgpack.Encoder().encode
decode_outcome = msgspec.msgpack.Decoder(Outcome).decode
_decode_claim = msgspec.msgpack.Decoder(Claim).decode
decode_adopted = msgspec.msgpack.Decoder(Adopted).decode
decode_swept = msgspec.msgpack.Decoder(Swept).decode
decode_marker = msgspec.msgpack.Decoder(Marker).decode
decode_state_record = msgspec.msgpack.Decoder(StateRecord).decode
decode_floor = msgspec.msgpack.Decoder(Floor).decode


def decode_claim(value: bytes, arrival_ms: int = 0) -> Claim:
    """A claim as read; its arrival says when a process that claims for the first time started."""
    claim = _decode_claim(value)
    return claim if claim.started_at_ms else msgspec.structs.replace(claim, started_at_ms=arrival_ms)
