"""Small words for tests of the engine: events, segments, a partition that is fed and asked."""

import itertools
import json

from octyseg.engine.catalog import Catalog
from octyseg.engine.partition import Partition
from octyseg.engine.rules import Rules
from octyseg.log.port import StoredRecord
from octyseg.model.change import rfc3339
from octyseg.model.record import decode, epoch_ms
from octyseg.model.segment import Segment, Step

TOPIC = "octyseg.events"
# Event times in tests are small numbers; the engine wants epoch milliseconds.
START_MS = 1_700_000_000_000
GRACE_MS = 20
HORIZON_MS = 200
MAX_AGE_MS = 400
FUTURE_MS = 40
RULES = Rules(GRACE_MS, HORIZON_MS, MAX_AGE_MS, FUTURE_MS)

ADD = Step("add", within_ms=100)
NO_BUY = Step("buy", inaction=True)


def segment(*steps, segment_id="left", **options):
    """A live segment, version 1 unless it is told otherwise."""
    return Segment(segment_id=segment_id, tag=segment_id, version=options.pop("version", 1), segment_type="live",
                   steps=steps, **options)  # fmt: skip


def left_cart(**options):
    """An add that no buy follows within 100 ms."""
    return segment(ADD, NO_BUY, **options)


class Writer:
    """Makes the records of one partition: offsets rise, arrival is what the caller says.

    Times of events are texts, as nearly all producers send them, or milliseconds.
    """

    def __init__(self, *, times_are_texts=True):
        self._offsets = itertools.count()
        self._times_are_texts = times_are_texts

    def event(self, event_type, at_ms, arrival_ms=None, *, profile="ada", properties=None, event_id=None):
        value = {"profile_id": profile, "event_type": event_type, "event_properties": properties or {}}
        value["created_at"] = rfc3339(START_MS + at_ms) if self._times_are_texts else START_MS + at_ms
        if event_id is not None:
            value["event_id"] = event_id
        return self.record(profile, value, at_ms if arrival_ms is None else arrival_ms)

    def profile(self, at_ms, *, profile="ada", **attributes):
        value = {"type": "profile", "profile_id": profile, "created_at": START_MS + at_ms, **attributes}
        return self.record(profile, value, at_ms)

    def erase(self, at_ms, *, profile="ada"):
        return self.record(profile, {"type": "erase", "profile_id": profile, "created_at": START_MS + at_ms}, at_ms)

    def record(self, key, value, arrival_ms):
        encoded = value if isinstance(value, bytes) else json.dumps(value).encode()
        return StoredRecord(next(self._offsets), START_MS + arrival_ms, key.encode(), encoded)


def time_of(record):
    """When the record says that it happened, in epoch milliseconds."""
    return epoch_ms(decode(record.key, record.value).created_at, record.timestamp)


class Told:
    """A partition and everything it decided, in order."""

    def __init__(self, *segments, rules=RULES):
        self.write = Writer()
        self.partition = Partition(Catalog(segments), rules)
        self.changes = []
        self.outcomes = []
        self.refused = []

    def feed(self, *records):
        return self._keep(self.partition.feed(TOPIC, records))

    def tick(self, at_ms, **options):
        return self._keep(self.partition.tick(START_MS + at_ms, **options))

    def adopt(self, *segments):
        self.partition.adopt(Catalog(segments))

    def event(self, *args, **kwargs):
        """One event, fed at once; returns the changes it led to."""
        return self.feed(self.write.event(*args, **kwargs))

    def drain(self):
        """Let time pass until nothing is due."""
        while (due_ms := self.partition.next_due()) is not None:
            self.partition.committed(1_000_000)
            self._keep(self.partition.tick(due_ms + 1))

    def _keep(self, decided):
        self.refused += [(refused.refusal.reason, refused.record) for refused in decided.refused]
        self.outcomes += decided.outcomes
        changes = [change for _, outcome in decided.outcomes for change in outcome.changes]
        self.changes += changes
        return told(changes)

    @property
    def told(self):
        return told(self.changes)


def told(changes):
    """Changes as (kind, reason, when), times as tests write them."""
    return [(change.kind, change.reason, change.occurred_at_ms - START_MS) for change in changes]
