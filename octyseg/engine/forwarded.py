"""A record of a merged profile, applied to the profile it was merged into.

It arrived at another partition: how old it is counts from there, when it is applied from here. Its offset
is foreign, so that entries of both partitions stay apart.
"""

from msgspec import Struct

from octyseg.engine import attributes, repeats, sequence
from octyseg.engine.catalog import Catalog
from octyseg.engine.dynamic import Trigger
from octyseg.engine.following import Following
from octyseg.engine.interests import NOTHING
from octyseg.engine.merging import foreign
from octyseg.engine.rules import Rules
from octyseg.engine.sequence import Happening
from octyseg.engine.subject import Subject
from octyseg.model.command import Forward
from octyseg.model.record import Erase, Event, Profile


class Place(Struct, frozen=True):
    """Where a forwarded record is applied; `default_id` is the id of an event that was given none."""

    catalog: Catalog
    following: Following
    rules: Rules
    clock_ms: int
    default_id: str


def apply(subject: Subject, read: Event | Profile | Erase, command: Forward, at_ms: int, place: Place) -> int | None:
    """Apply the record; tells the instant at which dynamic segments want the profile looked at again."""
    if isinstance(read, Event):
        return _happen(subject, read, command, at_ms, place)
    if isinstance(read, Profile):
        is_first = subject.state.created_at_ms is None
        attributes.apply(subject.state, read, at_ms)
        trigger = Trigger(place.default_id, at_ms, (place.default_id,))
        place.following.described(subject, trigger, is_first=is_first, clock_ms=place.clock_ms)
    else:
        attributes.erase(subject, place.catalog, at_ms)
    return None


def _happen(subject: Subject, event: Event, command: Forward, at_ms: int, place: Place) -> int | None:
    properties = event.event_properties
    assert properties is not None
    picked = place.following.picked(event.event_type, properties)
    is_old = command.arrived_ms - at_ms > place.rules.live_max_age_ms
    wanted = None if is_old else place.catalog.interests.get(event.event_type)
    played = NOTHING if wanted is None else wanted.played(properties)
    if not played.parts and not picked:
        return None
    event_id = place.default_id if event.event_id is None else event.event_id
    if event.event_id is not None and repeats.is_repeat(subject.state, event_id, at_ms):
        return None
    mark = len(subject.changes)
    sequence.apply_all(subject, played, Happening(event_id, at_ms, properties), place.rules)
    entry = (at_ms, foreign(command.partition, command.offset))
    trigger = Trigger(event_id, at_ms, (event_id,))
    return place.following.happened(subject, picked, entry, trigger, mark=mark, clock_ms=place.clock_ms)
