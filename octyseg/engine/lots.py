"""Which records of a partition are decoded at once, and which one by one.

What octyseg.model.lot decodes at once costs less than half, and it takes nothing but plain events: one record
in fifty with a list in it would leave little to it. So once such records came, those that show what they are
at a glance are set apart first. Where that is of no use either, because producers name no times or every
record holds lists, nothing is tried for a while.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, cast

from octyseg.engine.decision import Record
from octyseg.engine.rules import Rules
from octyseg.model.lot import Lot, PlainEvent, decode_lot
from octyseg.model.placement import Place

# Records decoded at once, so few that they stay in the processor's cache, and the least that are worth it.
LOT_RECORDS = 100
LEAST_LOT = 8
# So many lots go on in the way that the last one needed.
LOTS_ALIKE = 15
# Those of the record and of its properties.
_OBJECTS_OF_AN_EVENT = 2


class Some(NamedTuple):
    """Records that follow each other, and if a lot of them are plain events, those in their places and all arrivals.

    At the places in `alone` stands None, and no type: those records have to be decoded one by one.
    """

    records: Sequence[Record]
    arrivals: Sequence[int] = ()
    events: Sequence[PlainEvent | None] = ()
    event_types: Sequence[str] = ()
    alone: Sequence[int] = ()


class Lots:
    """Tells the records of one partition apart, by what the last ones were like."""

    def __init__(self, rules: Rules, place: Place | None) -> None:
        self._rules = rules
        self._place = place
        # For how many lots more they are set apart, or nothing is tried.
        self._apart = self._untried = 0

    def of(self, records: Iterable[Record]) -> Iterator[Some]:
        """All the records, in their order."""
        source = iter(records)
        while some := list(islice(source, LOT_RECORDS)):
            yield self._decoded(some)

    def _decoded(self, records: Sequence[Record]) -> Some:
        if len(records) < LEAST_LOT:
            return Some(records)
        if self._untried:
            self._untried -= 1
            return Some(records)
        arrivals = [record.timestamp for record in records]
        latest_ms = min(arrivals) + self._rules.future_ms
        if not self._apart:
            lot = self._plain(records, latest_ms)
            if lot is not None:
                return Some(records, arrivals, lot.events, lot.event_types)
            self._apart = LOTS_ALIKE
        self._apart -= 1
        alone = _more_than_plain(records)
        plain = list(records)
        for place in reversed(alone):
            del plain[place]
        lot = self._plain(plain, latest_ms)
        if lot is None:
            self._untried = LOTS_ALIKE
            return Some(records)
        events: list[PlainEvent | None] = [*lot.events]
        event_types = list(lot.event_types)
        for place in alone:
            events.insert(place, None)
            event_types.insert(place, "")
        return Some(records, arrivals, events, event_types, alone)

    def _plain(self, records: Sequence[Record], latest_ms: int) -> Lot | None:
        """What they hold, when all are plain events in their place and none happened after `latest_ms`."""
        if len(records) < LEAST_LOT:
            return None
        keys = [record.key for record in records]
        lot = decode_lot(keys, [record.value for record in records])
        if lot is None or lot.latest_ms > latest_ms:
            return None
        # There is no None among the keys of a lot.
        return lot if self._place is None or self._place.has_all(cast("Sequence[bytes]", keys)) else None


def _more_than_plain(records: Sequence[Record]) -> list[int]:
    """The places of those in which a glance shows a list, an object in the properties, or nothing at all."""
    return [
        place
        for place, value in enumerate([record.value for record in records])
        if value is None or b"[" in value or value.count(b"{") != _OBJECTS_OF_AN_EVENT
    ]
