"""Replay records of the past through the engine: what the live stage would have said, without a log.

The clock is the event time of the records in file order: it moves to a record's instant, what that
makes due is done, then the record is applied. `drain` moves it on at the end, deadline by deadline,
until none is open.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import count

import msgspec
from msgspec import Struct

from octyseg.engine.catalog import Catalog
from octyseg.engine.decision import Decided
from octyseg.engine.partition import Partition
from octyseg.engine.rules import Rules
from octyseg.log.port import StoredRecord
from octyseg.model.change import TagChange
from octyseg.model.command import encode, key_of
from octyseg.model.record import Instant, epoch_ms
from octyseg.model.refusal import Refusal


class _Envelope(Struct):
    """The two fields that a log would have told: whose record it is and when it came."""

    profile_id: str
    created_at: Instant = None


_open = msgspec.json.Decoder(_Envelope).decode

OnRefusal = Callable[[int, Refusal], None]


def replay(
    lines: Iterable[bytes], catalog: Catalog, rules: Rules, *, drain: bool, on_refusal: OnRefusal
) -> Iterator[TagChange]:
    """The changes in order of emission. `on_refusal` hears of refused lines by their number, from 1."""
    partition = Partition(catalog, rules)
    partition.following.handovers.need_none()
    clock_ms, asked = 0, count()
    for number, line in enumerate(lines):
        try:
            envelope = _open(line)
            key = envelope.profile_id.encode()
            at_ms = epoch_ms(envelope.created_at, clock_ms)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            key, at_ms = None, clock_ms
        if isinstance(at_ms, int) and at_ms > clock_ms:
            clock_ms = at_ms
            due_ms = partition.next_due()
            if due_ms is not None and due_ms < clock_ms:
                yield from _changes(partition.tick(clock_ms))
        decided = partition.feed("replay", (StoredRecord(number, clock_ms, key, line),))
        yield from _changes(decided)
        yield from _handed_over(partition, decided, asked, clock_ms)
        for refused in decided.refused:
            on_refusal(number + 1, refused.refusal)
    while drain and (due_ms := partition.next_due()) is not None:
        yield from _changes(partition.tick(due_ms + 1))


def _handed_over(partition: Partition, decided: Decided, offsets: Iterator[int], clock_ms: int) -> Iterator[TagChange]:
    """What merged profiles send to those they went to comes to them at once."""
    while decided.sent:
        sent = [StoredRecord(next(offsets), clock_ms, key_of(command), encode(command)) for command in decided.sent]
        decided = partition.obey(sent)
        yield from _changes(decided)


def _changes(decided: Decided) -> Iterator[TagChange]:
    for _, outcome in decided.outcomes:
        yield from outcome.changes
