"""Runs of the batch agent as they stand on `octyseg.runs`: demands, orders, and what became of each slice.

JSON, keyed run/slice. Partition 0 is the ledger: demands and reports, whose fold is the state of every run
(octyseg.model.ledger). Partition p has the orders of slice p, which whoever owns p carries out. What is
done for one slice is done for the profiles of partition p of events.
"""

import hashlib
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

# The partition of `octyseg.runs` that has all demands and reports.
LEDGER = 0

Trigger = Literal["created", "edited", "scheduled", "demanded"]
RunStatus = Literal["building", "ready", "failed"]
# What became of a slice: void when the definition was edited or deleted before its turn came.
Became = Literal["done", "void", "failed"]

RunId = Annotated[str, Meta(min_length=1, max_length=64)]


class Demand(Struct, frozen=True, tag="demand", tag_field="type"):
    """Somebody wants a run. `as_of_ms` None: as of the moment it begins."""

    run_id: RunId
    segment_id: str
    version: int
    trigger: Trigger
    as_of_ms: int | None = None


class Order(Struct, frozen=True, tag="order", tag_field="type"):
    """Evaluate this version of a segment for partition `slice` as of this instant; `webhook` false: tell nobody."""

    run_id: RunId
    segment_id: str
    version: int
    as_of_ms: int
    slice: int
    webhook: bool = True


class Ordered(Struct, frozen=True, tag="ordered", tag_field="type"):
    """The orders of every slice of a run are on the topic."""

    run_id: RunId


class Report(Struct, frozen=True, tag="report", tag_field="type"):
    """A slice came to its end. `commands_offset`: the run's last command to this partition stands below it."""

    run_id: RunId
    slice: int
    became: Became
    members: int = 0
    added: int = 0
    removed: int = 0
    commands_offset: int = 0
    error: str | None = None


LedgerRecord = Demand | Ordered | Report
RunRecord = LedgerRecord | Order

encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[RunRecord] = msgspec.json.Decoder(RunRecord)


def decode(value: bytes | None) -> RunRecord | None:
    """A record of the topic; None for what this octyseg cannot read."""
    try:
        return _decoder.decode(value or b"")
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def key_of(record: RunRecord) -> bytes:
    """The key a record stands under: the run, and the slice where it is about one."""
    text = f"{record.run_id}/{record.slice}" if isinstance(record, Order | Report) else record.run_id
    return text.encode()


def run_id_of(*parts: object) -> str:
    """The id of a run that is the same run whoever demands it, however often: made of what it is about."""
    text = "/".join(map(str, parts)).encode()
    return "run_" + hashlib.blake2b(text, digest_size=8).hexdigest()
