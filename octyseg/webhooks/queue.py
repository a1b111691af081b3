"""The schedule of deliveries in Redis: what waits for its first attempt, in order, and what is due again, by time.

A projection like any other: every change of it follows a record on `octyseg.deliveries`, and it can be
made again from there. Its marker says how far of both topics it holds. Any call may raise
ProjectionUnavailable; then call again.
"""

import secrets
from collections.abc import Collection, Iterable, Sequence
from importlib.resources import files
from typing import NamedTuple, cast

import msgspec
from redis.asyncio import Redis

from octyseg.projection.connection import answering, execute, life_of, refuse_unfit
from octyseg.webhooks.breaker import CLOSED, Breaker
from octyseg.webhooks.delivery import Delivery

# One call of the script; the server does nothing else meanwhile.
PER_CALL = 100
# How long a delivery is known after it was put there, so that a change published twice is sent once.
MARK_MS = 60 * 60 * 1000
_LOST = -1

_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(Delivery).decode
_pack_breaker = msgspec.json.Encoder().encode
_unpack_breaker = msgspec.json.Decoder(Breaker).decode


class Marker(NamedTuple):
    """Tags records below `tags` and delivery records below `deliveries` are in the schedule."""

    tags: int
    deliveries: int


class Due(NamedTuple):
    """Deliveries whose time has come, and when the next one's does: None when none waits."""

    deliveries: list[Delivery]
    next_at_ms: int | None


class Queue:
    """The schedule under one prefix; holds no state but its client."""

    def __init__(self, redis: Redis, prefix: str) -> None:
        self._redis = redis
        self._prefix = f"{prefix}webhooks:"
        scripts = files("octyseg.webhooks") / "scripts"
        self._put, self._mark = (
            redis.register_script((scripts / f"{name}.lua").read_text()) for name in ("put", "mark")
        )

    async def refuse_unfit(self) -> None:
        """SettingsError when the server would not keep what it was given, or has only a part of it."""
        await refuse_unfit(self._redis)

    async def marker(self, partition: int) -> Marker | None:
        """How far the partition is in; None when it is not."""
        with answering():
            tags, deliveries = await self._redis.hmget(self._key("marker", partition), ["tags", "deliveries"])
        return None if tags is None or deliveries is None else Marker(int(tags), int(deliveries))

    async def put(self, partition: int, deliveries: Sequence[Delivery], floor: int, reached: Marker) -> bool:
        """Schedule these and move the marker.

        False when Redis has less than `floor`, or the schedule was made again meanwhile: put them once more then.
        Without deliveries the marker's other half stays: settlements may have moved it meanwhile.
        """
        with answering():
            made = await self._redis.hget(self._key("marker", partition), "made") or b""
        answers = await self._put_all(partition, deliveries, floor, made)
        if _LOST in answers:
            return False
        to = reached._asdict() if deliveries else {"tags": reached.tags}
        return await self._move(partition, to, floor, made)

    async def replay(self, partition: int, deliveries: Sequence[Delivery]) -> None:
        """Schedule these again, whatever became of them before; their `due_at_ms` says when."""
        assert all(delivery.due_at_ms for delivery in deliveries), "a replay has a time"
        await self._put_all(partition, deliveries)

    async def make_again(self, partition: int, deliveries: Sequence[Delivery], reached: Marker) -> None:
        """Put exactly these in the place of what there is of the partition; again, if they are lost meanwhile."""
        while not await self._make(partition, deliveries, reached):
            pass

    async def lanes(self, partition: int) -> set[str]:
        """The endpoints that have, or had, deliveries of the partition."""
        with answering():
            names = cast("set[bytes]", await self._redis.smembers(self._key("lanes", partition)))
        return {name.decode() for name in names}

    async def first(self, partition: int, endpoint: str, after: int, limit: int) -> tuple[list[Delivery], bool]:
        """Deliveries that wait for their first attempt behind an offset, in order; and whether there may be more."""
        with answering():
            key = self._key("first", partition) + endpoint
            found = await self._redis.zrangebyscore(key, f"({after}", "+inf", start=0, num=limit)
        ids = cast("list[bytes]", found)
        return await self._look_up(partition, ids), len(ids) == limit

    async def due(self, partition: int, endpoint: str, now_ms: int, limit: int) -> Due:
        """Deliveries to try again by now, the longest due first."""
        with answering():
            key = self._key("retry", partition) + endpoint
            found = cast("list[tuple[bytes, float]]", await self._redis.zrange(key, 0, limit, withscores=True))
        ids = [name for name, at_ms in found if at_ms <= now_ms]
        later = [int(at_ms) for _, at_ms in found if at_ms > now_ms]
        # Beyond the limit there may be more that is due: look again as soon as there is room.
        next_at_ms = later[0] if later else now_ms if len(found) > limit else None
        return Due(await self._look_up(partition, ids[:limit]), next_at_ms)

    async def find(self, partition: int, ids: Sequence[str]) -> list[Delivery]:
        """Those of these deliveries that are scheduled."""
        return await self._look_up(partition, [name.encode() for name in ids])

    async def settle(
        self, partition: int, settled: Iterable[tuple[Delivery, Delivery | None]], breakers: dict[str, Breaker], to: int
    ) -> None:
        """Write what became of deliveries: gone, or on as they are now; delivery records below `to` are in."""
        pipe = self._redis.pipeline(transaction=True)
        first, retry = self._key("first", partition), self._key("retry", partition)
        deliveries = self._key("deliveries", partition)
        for old, new in settled:
            pipe.zrem(first + old.endpoint, old.id)
            if new is None:
                pipe.hdel(deliveries, old.id)
                pipe.zrem(retry + old.endpoint, old.id)
            else:
                pipe.hset(deliveries, old.id, _pack(new))
                pipe.zadd(retry + old.endpoint, {old.id: new.due_at_ms})
        if breakers:
            for name, breaker in breakers.items():
                pipe.hset(self._prefix + "breakers", name, _pack_breaker(breaker))
        pipe.hset(self._key("marker", partition), "deliveries", to)
        await execute(pipe)

    async def breaker(self, endpoint: str) -> Breaker:
        """The breaker as it was last written."""
        with answering():
            packed = cast("bytes | None", await self._redis.hget(self._prefix + "breakers", endpoint))
        return CLOSED if packed is None else _unpack_breaker(packed)

    async def _make(self, partition: int, deliveries: Sequence[Delivery], reached: Marker) -> bool:
        """False when the server was emptied, or came back from a snapshot, after it was given some of them."""
        life, making = await life_of(self._redis), secrets.token_hex(8)
        names = await self.lanes(partition)
        keys = [self._key(lane, partition) + name for lane in ("first", "retry") for name in names]
        pipe = self._redis.pipeline(transaction=True)
        pipe.delete(*(self._key(part, partition) for part in ("marker", "deliveries", "lanes")), *keys)
        pipe.hset(self._key("marker", partition), "making", making)
        await execute(pipe)
        await self._put_all(partition, deliveries)
        if await life_of(self._redis) != life:
            return False
        moved = await self._move(partition, reached._asdict(), "", making)
        return moved and await life_of(self._redis) == life

    async def _put_all(
        self, partition: int, deliveries: Sequence[Delivery], floor: int | str = "", made: bytes | str = ""
    ) -> list[int]:
        keys = [self._key(part, partition) for part in ("marker", "deliveries", "lanes")]
        lanes = [self._key("first", partition), self._key("retry", partition), self._prefix + "seen:"]
        pipe = self._redis.pipeline(transaction=False)
        for start in range(0, len(deliveries), PER_CALL):
            flat = [part for one in deliveries[start : start + PER_CALL] for part in _arguments(one)]
            await self._put(keys, [floor, made, *lanes, MARK_MS, *flat], client=pipe)
        return await execute(pipe) if deliveries else []

    async def _move(self, partition: int, to: dict[str, int], floor: int | str, made: bytes | str) -> bool:
        """Move the marker if the schedule is the one that was `made` under this name, and at `floor` or being made."""
        flat = [part for item in to.items() for part in item]
        with answering():
            answer = await self._mark([self._key("marker", partition)], [floor, made, *flat])
        return bool(answer != _LOST)

    async def _look_up(self, partition: int, ids: Collection[bytes]) -> list[Delivery]:
        if not ids:
            return []
        with answering():
            packed = cast("list[bytes | None]", await self._redis.hmget(self._key("deliveries", partition), list(ids)))
        return [_unpack(one) for one in packed if one is not None]

    def _key(self, part: str, partition: int) -> str:
        """Names of a partition's parts; those of lanes end in the endpoint's name."""
        ending = ":" if part in ("first", "retry") else ""
        return f"{self._prefix}{part}:{partition}{ending}"


def _arguments(delivery: Delivery) -> tuple[str | int | bytes, ...]:
    """A delivery as the script reads it."""
    return delivery.id, delivery.endpoint, delivery.offset, delivery.due_at_ms, _pack(delivery)
