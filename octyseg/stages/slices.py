"""One slice of runs: what history says of a partition, held against who is a member, and what differs as commands.

Part of the past stage. A slice waits until the live stage has obeyed every command there is, so that what it holds
its findings against is not about to change; carried out again it finds nothing that differs.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import Struct

from octyseg import logs, metrics
from octyseg.errors import OctysegError, Unavailable
from octyseg.history.evaluate import Asked, evaluate
from octyseg.history.source import History
from octyseg.log.port import Log, NewRecord
from octyseg.model import command as commands
from octyseg.model.definitions.definition import SegmentDefinition
from octyseg.model.run import Order, Report
from octyseg.model.segment import Segment
from octyseg.stages.catalog import CatalogFollower
from octyseg.stages.crashpoints import Pass
from octyseg.stages.fold import Fold, fold
from octyseg.stages.hindsight import Hindsight
from octyseg.stages.members import members_in

COMMANDS_AT_ONCE = 2_000
LOOK_AGAIN_S = 0.25
# What no instant of an event lies beyond.
EVER_MS = 2**53

_logger = logs.get(__name__)


class PastConfig(Struct, frozen=True, kw_only=True):
    """How runs are made; `live_group` is whose commits say which commands were obeyed."""

    directory: Path
    namespace: str
    live_group: str
    engine: str = "duckdb"
    schedule: str = "0 * * * *"
    compare_schedule: str = "30 3 * * *"
    grace_ms: int = 5_000
    future_ms: int = 120_000
    patience_s: float = 60.0


class Slice(NamedTuple):
    """What a slice came to."""

    members: int = 0
    added: int = 0
    removed: int = 0
    commands_offset: int = 0


class NotYet(OctysegError):
    """The live stage has not come as far as the slice needs it."""


class Slices:
    """Carries out orders; holds no state but the definitions it follows."""

    def __init__(
        self, log: Log, topic: Callable[[str], str], follower: CatalogFollower, config: PastConfig, passing: Pass
    ) -> None:
        self._log = log
        self._topic = topic
        self._follower = follower
        self._config = config
        self._past = Hindsight(log, topic("events"), config.directory, config.future_ms)
        self._pass = passing

    async def carry_out(self, partition: int, orders: Sequence[Order]) -> list[Report]:
        """One look through history for all orders of one instant."""
        await self._follower.catch_up()
        segments = self._follower.catalog.segments
        in_force = {one.segment_id: one for one in orders if _is_in_force(one, segments.get(one.segment_id))}
        reports = [Report(one.run_id, partition, "void") for one in orders if in_force.get(one.segment_id) is not one]
        if not in_force:
            return reports
        try:
            with metrics.RUN_SECONDS.time():
                done = await self._evaluated(partition, in_force)
        except Unavailable:
            raise  # the process ends, and who goes on carries the slice out
        except Exception as error:  # a run that fails says why, and its neighbours go on
            _logger.exception("a slice of a run failed", partition=partition)
            text = f"{type(error).__name__}: {error}" if not isinstance(error, OctysegError) else str(error)
            return reports + [Report(one.run_id, partition, "failed", error=text) for one in in_force.values()]
        for segment_id, order in in_force.items():
            reports.append(Report(order.run_id, partition, "done", **done[segment_id]._asdict()))
        return reports

    async def _evaluated(self, partition: int, orders: Mapping[str, Order]) -> dict[str, Slice]:
        folded = await self._caught_up(partition, orders)
        end = (await self._log.ends(self._topic("events"), [partition]))[partition]
        segments = self._follower.catalog.segments
        done = {}
        past = {one: order for one, order in orders.items() if segments[one].segment_type == "past"}
        if past:
            as_of_ms = next(iter(past.values())).as_of_ms
            asked = [Asked(one, self._definition(one), None) for one in past]
            async with self._past.as_of(partition, as_of_ms, end) as history:
                found = await asyncio.to_thread(evaluate, asked, history, as_of_ms, self._config.engine)
            current = await members_in(folded, self._follower.catalog, past)
            for segment_id, order in past.items():
                members, known = set(found[segment_id]), current[segment_id]
                offset = await self._send(partition, _memberships(order, segments[segment_id], members, known))
                counted = len(members), len(members - known), len(known - members)
                done[segment_id] = Slice(*counted, offset)
        for segment_id in orders.keys() - past.keys():
            async with self._past.as_of(partition, EVER_MS, end) as history:
                done[segment_id] = await self._hand_over(partition, segments[segment_id], folded, history, end)
        return done

    def _definition(self, segment_id: str) -> SegmentDefinition:
        stored = self._follower.registry.segment(segment_id)
        assert stored is not None, "it is in force"
        return stored.definition

    async def _caught_up(self, partition: int, orders: Mapping[str, Order]) -> Fold:
        """The states once the live stage has obeyed every command there is, and begun what is dynamic."""
        topic, deadline_s = self._topic("commands"), time.monotonic() + self._config.patience_s
        end = (await self._log.ends(topic, [partition]))[partition]
        while True:
            obeyed = (await self._log.committed(self._config.live_group, topic, [partition]))[partition] or 0
            if obeyed >= end:
                folded = await fold(self._log, self._config.namespace, partition)
                if all(self._is_begun(folded, one) for one in orders):
                    return folded
            if time.monotonic() >= deadline_s:
                msg = f"partition {partition}: no live worker obeys commands: start one, then run it again"
                raise NotYet(msg)
            await asyncio.sleep(LOOK_AGAIN_S)

    def _is_begun(self, folded: Fold, segment_id: str) -> bool:
        segment = self._follower.catalog.segments[segment_id]
        adopted = folded.adopted.get(segment_id)
        return segment.segment_type != "dynamic" or (adopted is not None and adopted.version >= segment.matching_since)

    async def _hand_over(self, partition: int, segment: Segment, folded: Fold, history: History, end: int) -> Slice:
        """Tell the stream what its profiles did before it began to count, and that this was all."""
        adopted = folded.adopted[segment.segment_id]
        if adopted.ready_offset >= 0:
            return Slice(commands_offset=adopted.ready_offset + 1)
        # As octyseg.history.evaluate does: only who asks history loads what it is asked with.
        from octyseg.history.entries import entries

        assert segment.rule is not None
        found = await asyncio.to_thread(lambda: list(entries(segment.rule, history, self._config.engine)))  # type: ignore[arg-type] # it has one
        backfills = (
            commands.Backfill(
                profile_id,
                segment.segment_id,
                segment.version,
                end,
                tuple(commands.Performed(leaf, tuple(some)) for leaf, some in of_leaf.items()),
            )
            for profile_id, of_leaf in found
        )
        await self._send(partition, backfills)
        self._pass("past.filled")
        ready = commands.Ready(segment.segment_id, segment.version, end, webhook=segment.notify_backfill)
        return Slice(commands_offset=await self._send(partition, [ready]))

    async def _send(self, partition: int, wanted: Iterable[commands.Command]) -> int:
        """Append commands; where the topic goes on after them."""
        topic, offset = self._topic("commands"), 0
        batch: list[NewRecord] = []
        for one in wanted:
            batch.append(NewRecord(commands.key_of(one), commands.encode(one)))
            if len(batch) >= COMMANDS_AT_ONCE:
                offset = (await self._log.append(topic, partition, batch)).next_offset
                batch = []
        if batch:
            offset = (await self._log.append(topic, partition, batch)).next_offset
        return offset


def _is_in_force(order: Order, segment: Segment | None) -> bool:
    return segment is not None and not segment.deleted and order.version >= segment.matching_since


def _memberships(order: Order, segment: Segment, members: set[str], known: set[str]) -> Iterator[commands.Membership]:
    """What differs, in the order of ids."""
    for profile_id in sorted(members ^ known):
        is_member = profile_id in members
        yield commands.Membership(
            profile_id,
            order.segment_id,
            segment.version,
            is_member,
            "matched" if is_member else "no_longer_matches",
            order.as_of_ms,
            order.run_id,
            webhook=order.webhook,
        )
