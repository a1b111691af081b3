"""Writes the projection: whole profiles in the place of what was known of them, in log order, repeatably.

Called by the projection stage (outcomes as they come) and by repairs (states read back). A repeat
changes nothing: the partition's marker tells the outcomes that are in, and a profile's version keeps
an older state from replacing a newer one. Any call may raise ProjectionUnavailable; then call again.
"""

import secrets
from collections.abc import Iterable, Sequence
from enum import Enum
from importlib.resources import files
from typing import NamedTuple

import msgspec
from redis.asyncio import Redis

from octyseg.projection.connection import answering, execute, life_of, refuse_unfit
from octyseg.projection.content import Content, identity_in
from octyseg.projection.keys import Keys

BATCH = 500
# Longer than a repair takes; the key of one that was broken off goes then.
REPAIR_S = 24 * 60 * 60
# One call of the script; the server does nothing else meanwhile (about 1 ms).
PER_CALL = 100
_LOST = -1
_pack = msgspec.msgpack.Encoder().encode


class Marker(NamedTuple):
    """All outcomes below `offset` are in; the last of them arrived at `arrived_at_ms` (0: there was none).

    The arrival tells this log from another one of the same name: no two have it at the same offset.
    """

    offset: int
    arrived_at_ms: int


class Update(NamedTuple):
    """What one outcome (or one state read back, offset 0) makes of a profile; None: nothing is left of it."""

    offset: int
    profile_id: str
    version: str
    content: Content | None


class Repair(Enum):
    """How an update that is not the next of the log is written."""

    REBUILD = "rebuild"  # unless something newer is there: a stage may be writing at the same time
    REPLACE = "replace"  # in any case: what is there is of another log


class Repairing(NamedTuple):
    """A repair under way, and how its end knows that Redis still has what it was given on the way.

    `token` names a key of its own, gone with everything else. `life` is the server's: one that came back from
    a snapshot has that key, and not what it was given after the snapshot.
    """

    token: str
    life: str


class Written(NamedTuple):
    """How many updates changed something; `lost` when Redis does not hold what was written before."""

    applied: int
    older: int
    lost: bool


class Writer:
    """The writing side of the projection under one prefix; holds no state but its client."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        # The account's authenticated_id_key, by which profiles are found to be one person.
        self.identity_key: str | None = None
        scripts = files("octyseg.projection") / "scripts"
        self._apply, self._advance, self._finish, self._remove, self._expel = (
            redis.register_script((scripts / f"{name}.lua").read_text())
            for name in ("apply", "advance", "finish", "remove", "expel")
        )

    async def refuse_unfit(self) -> None:
        """SettingsError when the server would not keep what it was given, or has only a part of it."""
        await refuse_unfit(self._redis)

    async def marker(self, partition: int) -> Marker | None:
        """How far the partition's outcomes are in; None when nothing is."""
        with answering():
            offset, arrived_at = await self._redis.hmget(self._keys.marker(partition), ["offset", "arrived_at"])
        return None if offset is None or arrived_at is None else Marker(int(offset), int(arrived_at))

    async def apply(self, partition: int, updates: Sequence[Update], floor: int, reached: Marker) -> Written:
        """Put these updates in, and then the marker at `reached`.

        `floor` is where this writer last left the marker: when Redis has less, it lost something, nothing
        more is written, and the caller rebuilds the partition.
        """
        applied = 0
        for first in range(0, len(updates), BATCH):
            answers = await self._put(partition, updates[first : first + BATCH], floor)
            if _LOST in answers:
                return Written(applied, 0, lost=True)
            applied += sum(answers)
        with answering():
            answer = await self._advance([self._keys.marker(partition)], [floor, *reached])
        return Written(applied, len(updates) - applied, lost=answer == _LOST)

    async def begin(self, partition: int) -> Repairing:
        """A repair of the partition begins, before anything of it is looked at; `finish` ends it."""
        repairing = Repairing(secrets.token_hex(8), await life_of(self._redis))
        with answering():
            await self._redis.set(self._keys.repair(partition, repairing.token), "", ex=REPAIR_S)
        return repairing

    async def put(self, partition: int, updates: Sequence[Update], repair: Repair) -> None:
        """Write states read back from the log; the marker stays."""
        for first in range(0, len(updates), BATCH):
            await self._put(partition, updates[first : first + BATCH], repair)

    async def finish(self, partition: int, repairing: Repairing, repair: Repair, reached: Marker) -> bool:
        """Put the marker at `reached`; False when Redis lost what it was given since the repair began."""
        marker = self._keys.marker(partition)
        if await life_of(self._redis) != repairing.life:
            return False
        with answering():
            answer = await self._finish(
                [marker, self._keys.repair(partition, repairing.token)], [repair.value, *reached]
            )
        if await life_of(self._redis) != repairing.life:
            with answering():
                await self._redis.delete(marker)
            return False
        return bool(answer != _LOST)

    async def remove(self, partition: int, versions: Iterable[tuple[str, str]]) -> None:
        """Take out these profiles, those (id, version) that still have this version."""
        own = self._keys
        prefixes = [own.members_prefix, own.customer_prefix, own.identity_prefix, own.claims_prefix]
        pipe = self._redis.pipeline(transaction=False)
        for profile_id, version in versions:
            keys = [own.profile(profile_id), own.profiles(partition), own.segments]
            await self._remove(keys, [version, profile_id, *prefixes], client=pipe)
        await execute(pipe)

    async def expel(self, strays: Iterable[tuple[str, str]]) -> None:
        """Take these (segment, profile) memberships out where the profile's tags do not say so."""
        pipe = self._redis.pipeline(transaction=False)
        for segment_id, profile_id in strays:
            keys = [self._keys.profile(profile_id), self._keys.members(segment_id), self._keys.segments]
            await self._expel(keys, [profile_id, segment_id], client=pipe)
        await execute(pipe)

    async def mark_swept(self, partition: int, segment_ids: Iterable[str]) -> None:
        """The partition holds no tag of these deleted segments any more."""
        pipe = self._redis.pipeline(transaction=False)
        for segment_id in segment_ids:
            pipe.sadd(self._keys.swept(segment_id), partition)
        await execute(pipe)

    async def _put(self, partition: int, updates: Sequence[Update], floor: int | Repair) -> list[int]:
        word = floor.value if isinstance(floor, Repair) else floor
        keys = [self._keys.marker(partition), self._keys.profiles(partition), self._keys.segments]
        own = self._keys
        prefixes = [own.profile_prefix, own.members_prefix, own.customer_prefix, own.identity_prefix, own.claims_prefix]
        pipe = self._redis.pipeline(transaction=False)
        for first in range(0, len(updates), PER_CALL):
            packed = _pack([_arguments(update, self.identity_key) for update in updates[first : first + PER_CALL]])
            await self._apply(keys, [word, *prefixes, packed], client=pipe)
        return await execute(pipe)


def _arguments(update: Update, identity_key: str | None) -> tuple[object, ...]:
    """An update as the script reads it: flat lists."""
    offset, profile_id, version, content = update
    if content is None:
        return offset, profile_id, version, None, (), "", ""
    fields = [part for item in content.fields.items() for part in item]
    members = [part for item in content.members.items() for part in item]
    identity = identity_in(content.fields.get("profile_data"), identity_key)
    return offset, profile_id, version, fields, members, content.fields.get("customer_id", ""), identity or ""
