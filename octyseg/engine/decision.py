"""What goes into the engine and what comes out of it: records, and what was decided about them."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from octyseg.model.command import HandedOn
from octyseg.model.outcome import Outcome
from octyseg.model.refusal import Refusal


class Record(Protocol):
    """What the engine reads of a record of the log; `timestamp` is its arrival in epoch milliseconds."""

    @property
    def offset(self) -> int: ...  # noqa: D102 - the protocol's attributes are its documentation
    @property
    def timestamp(self) -> int: ...  # noqa: D102
    @property
    def key(self) -> bytes | None: ...  # noqa: D102
    @property
    def value(self) -> bytes | None: ...  # noqa: D102


class Refused(NamedTuple):
    """A record for the dead letters."""

    record: Record
    refusal: Refusal


class Decided(NamedTuple):
    """What a feed or a tick decided: outcomes by profile, refused records, counts by name.

    `sent` are commands for other profiles, of any partition: to be sent once the outcomes are durable, and
    before the input is committed.
    """

    outcomes: list[tuple[str, Outcome]]
    refused: list[Refused]
    counts: Counter[str]
    sent: Sequence[HandedOn] = ()
