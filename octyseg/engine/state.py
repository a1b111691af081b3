"""The state of one profile: what the engine remembers between two records, small and versioned.

Encoded as msgpack arrays into outcomes and kept encoded in memory until the profile is touched.
Times are epoch milliseconds, event time unless a name says otherwise.
"""

from typing import Any

import msgspec
from msgspec import Struct

FORMAT = 1


class Instance(Struct, array_like=True, gc=False):
    """One run of a sequence for one profile, from its anchor until it fires, is cancelled or runs out.

    `step` is the index of the step waited for; `acted_ms` the time of the last action and
    `deadline_ms` the last instant at which the awaited event still counts. `contradiction` is an
    event (id, time) that matched the inaction after the deadline while the grace still runs.
    """

    segment_id: str
    version: int
    anchor: str
    anchor_ms: int
    step: int
    acted_ms: int
    deadline_ms: int
    cause: list[str]
    correlation: str | None = None
    contradiction: tuple[str, int] | None = None


class Tag(Struct, array_like=True, gc=False):
    """A tag the profile carries, with what earned it last.

    `created_at_ms` moves with every refresh. `acted_ms` to `deadline_ms` is the frame in which a
    late event takes the match back (equal for sequences without an inaction). 0 in
    `expires_at_ms`: never.
    """

    segment_id: str
    segment_tag: str
    segment_type: str
    version: int
    created_at_ms: int
    anchor: str
    anchor_ms: int
    acted_ms: int
    deadline_ms: int
    expires_at_ms: int = 0
    correlation: str | None = None


class Sighting(Struct, array_like=True, gc=False):
    """An event that matched the inaction of segments, kept for the grace: its action may still arrive.

    `segments` maps a segment's id to the event's correlation there.
    """

    event_id: str
    at_ms: int
    segments: dict[str, str | None]


class ProfileState(Struct, array_like=True, gc=False):
    """Everything known of a profile; lives as long as the profile has something worth knowing.

    `seen` maps the 64 bit digest of an event id that touched a definition to its event time.
    `cooling` maps a segment to the instant until which further matches of it are quiet.
    `arrived_at_ms` is the arrival of the record applied last: what it made overdue waits for the
    records that arrived at the same instant.
    `performed` has the newest events (time, offset) that a selector of octyseg.engine.selectors picked, the
    newest first; the conditions of dynamic segments were followed up to `settled_ms` of the clock.
    `inactions` has the newest time of each inaction that was done, by octyseg.engine.interests.inaction_key.
    A merged profile keeps the command that hands it over in `handing` until no repeat of its input can
    come; `united` has the profiles that were merged into this one, with the newest offsets applied of each.
    """

    format: int = FORMAT
    sequence: int = 0
    events_offset: int = -1
    commands_offset: int = -1
    instances: list[Instance] = []
    tags: list[Tag] = []
    seen: dict[int, int] = {}
    sightings: list[Sighting] = []
    cooling: dict[str, int] = {}
    customer_id: str | None = None
    profile_data: dict[str, Any] = {}
    platform_info: dict[str, Any] = {}
    has_charged: bool | None = None
    status: str | None = None
    created_at_ms: int | None = None
    updated_at_ms: int | None = None
    merged_into: str | None = None
    arrived_at_ms: int = 0
    performed: dict[int, list[tuple[int, int]]] = {}
    settled_ms: int = 0
    inactions: dict[int, int] = {}
    handing: bytes | None = None
    united: dict[str, list[int]] = {}


encode_state = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(ProfileState).decode


def decode_state(data: bytes) -> ProfileState:
    """Read a state back; a format this version does not know raises ValueError."""
    state = _decode(data)
    if state.format != FORMAT:
        msg = f"profile state has format {state.format}, this octyseg reads {FORMAT}: upgrade octyseg"
        raise ValueError(msg)
    return state
