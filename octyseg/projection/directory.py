"""Finds profiles in the projection: by their ids in order, by customer_id, by what identifies a customer.

Asked by the API and the verbs; as fresh as the projection stage. Every question may raise ProjectionUnavailable.
"""

from collections.abc import Sequence
from typing import cast

from redis.asyncio import Redis

from octyseg.projection.connection import answering, execute
from octyseg.projection.keys import Keys


class Directory:
    """The ways to a profile under one prefix. `partitions` is that of the outcomes topic."""

    def __init__(self, redis: Redis, prefix: str, partitions: int) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self.partitions = partitions

    async def known(self, profile_ids: Sequence[str]) -> list[bool]:
        """Which of these profiles there are."""
        pipe = self._redis.pipeline(transaction=False)
        for profile_id in profile_ids:
            pipe.exists(self._keys.profile(profile_id))
        return [bool(answer) for answer in await execute(pipe)] if profile_ids else []

    async def of_customers(self, customer_ids: Sequence[str]) -> list[list[str]]:
        """The profiles of each of these customer ids."""
        pipe = self._redis.pipeline(transaction=False)
        for customer_id in customer_ids:
            pipe.smembers(self._keys.customer(customer_id))
        found = await execute(pipe) if customer_ids else []
        return [sorted(map(_text, answer)) for answer in found]

    async def identified(self, value: str) -> str | None:
        """The profile that first had this authenticated id."""
        with answering():
            found = await self._redis.get(self._keys.identity(value))
        return None if found is None else _text(found)

    async def claim(self, value: str, profile_id: str) -> str:
        """The profile that has this authenticated id: whoever had it first, else the one that asks now."""
        # The claim is noted first, so that an erasure finds it whenever it comes.
        with answering():
            await self._redis.sadd(self._keys.claims(profile_id), value)
            holder = await self._redis.set(self._keys.identity(value), profile_id, nx=True, get=True)
        return profile_id if holder is None else _text(cast("bytes", holder))

    async def ids(self, partition: int, after: str = "", count: int = 100, prefix: str = "") -> list[str]:
        """Ids of a partition's profiles in the order of their bytes: those after `after` that begin with `prefix`."""
        low = f"({after}" if after >= prefix and after else f"[{prefix}" if prefix else "-"
        # No byte of UTF-8 is above this one.
        high = b"[" + prefix.encode() + b"\xff" if prefix else "+"
        with answering():
            found = await self._redis.zrangebylex(self._keys.profiles(partition), low, high, start=0, num=count)
        return [_text(one) for one in found]

    async def ids_from(self, start: int, count: int) -> list[str]:
        """Ids of all profiles by their position, partition by partition."""
        sizes = await self._sizes()
        found: list[str] = []
        for partition, size in enumerate(sizes):
            if start < size and len(found) < count:
                with answering():
                    last = start + count - len(found) - 1
                    answer = await self._redis.zrange(self._keys.profiles(partition), start, last)
                found += [_text(one) for one in cast("list[bytes]", answer)]
            start = max(start - size, 0)
        return found

    async def total(self) -> int:
        """How many profiles there are."""
        return sum(await self._sizes())

    async def _sizes(self) -> list[int]:
        pipe = self._redis.pipeline(transaction=False)
        for partition in range(self.partitions):
            pipe.zcard(self._keys.profiles(partition))
        return await execute(pipe)


def _text(answer: bytes | str) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer
