"""Reads the projection: a profile, the members of a segment, counts, and all of it for a comparison.

Asked by the API, the CLI and checks. Answers are as fresh as the projection stage; every question may
raise ProjectionUnavailable.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, NamedTuple, cast

import msgspec
from redis.asyncio import Redis

from octyseg.projection.connection import answering, execute
from octyseg.projection.content import Content, Digest, ShownTag
from octyseg.projection.keys import Keys

BATCH = 500


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """A profile as readers see it; times in epoch milliseconds."""

    profile_id: str
    sequence: int
    tags: list[ShownTag]
    customer_id: str | None = None
    profile_data: dict[str, Any] = {}
    platform_info: dict[str, Any] = {}
    has_charged: bool | None = None
    status: str | None = None
    created_at: int | None = None
    updated_at: int | None = None
    merged_into: str | None = None
    merged_children: tuple[str, ...] = ()


class Member(NamedTuple):
    """A member of a segment, and when it (last) entered, in epoch milliseconds."""

    profile_id: str
    since_ms: int


class Counts(NamedTuple):
    """How many profiles there are, and how many members each segment with members has."""

    profiles: int
    members: dict[str, int]


class Stored(NamedTuple):
    """A profile as it stands in Redis: its version, the fields of its content, its own word on memberships."""

    profile_id: str
    version: str
    content: Content


_TEXTS = ("customer_id", "status", "merged_into")
# What the writer notes for itself; no content.
_NOTES = ("version", "identity")
# Member sets and profiles are read so many at a time.
PAGE = 1_000
_decode_tags = msgspec.json.Decoder(list[ShownTag]).decode


class Reader:
    """The reading side of the projection under one prefix. `partitions` is that of the outcomes topic."""

    def __init__(self, redis: Redis, prefix: str, partitions: int) -> None:
        self._redis = redis
        self._keys = Keys(prefix)
        self.partitions = partitions

    async def profile(self, profile_id: str) -> Profile | None:
        """One profile by its id, None when there is none."""
        with answering():
            stored = _fields(await self._redis.hgetall(self._keys.profile(profile_id)))
        return _profile(profile_id, stored)

    async def profiles(self, profile_ids: Sequence[str]) -> list[Profile | None]:
        """Profiles by their ids, in the same order."""
        pipe = self._redis.pipeline(transaction=False)
        for profile_id in profile_ids:
            pipe.hgetall(self._keys.profile(profile_id))
        found = await execute(pipe) if profile_ids else []
        return [_profile(profile_id, _fields(answer)) for profile_id, answer in zip(profile_ids, found, strict=True)]

    async def members(self, segment_id: str, start: int = 0, count: int = 100) -> list[Member]:
        """Members in the order of their entry, `count` of them from position `start` on."""
        with answering():
            found = await self._redis.zrange(
                self._keys.members(segment_id), start, start + count - 1, withscores=True, score_cast_func=int
            )
        return [Member(_text(profile_id), int(since)) for profile_id, since in cast("list[tuple[bytes, int]]", found)]

    async def members_after(self, segment_id: str, after: Member | None, count: int) -> list[Member]:
        """Members in the order of their entry, then of their ids: those after one that may be gone by now.

        Who enters meanwhile comes at the end, so that whoever pages on sees every member that stays.
        """
        if after is None:
            return await self.members(segment_id, 0, count)
        key = self._keys.members(segment_id)
        with answering():
            pipe = self._redis.pipeline(transaction=False)
            pipe.zscore(key, after.profile_id)
            pipe.zrank(key, after.profile_id)
            pipe.zcount(key, "-inf", f"({after.since_ms}")
            score, rank, before = await execute(pipe)
        if score is not None and int(score) == after.since_ms:
            return await self.members(segment_id, int(rank) + 1, count)
        start, found = int(before), list[Member]()
        while len(found) < count:
            page = await self.members(segment_id, start, PAGE)
            found += [one for one in page if (one.since_ms, one.profile_id.encode()) > _place(after)]
            start += PAGE
            if len(page) < PAGE:
                break
        return found[:count]

    async def since(self, segment_id: str, profile_ids: Sequence[str]) -> list[int | None]:
        """Since when each of these profiles is a member, None for who is none."""
        if not profile_ids:
            return []
        with answering():
            found = await self._redis.zmscore(self._keys.members(segment_id), list(profile_ids))
        return [None if one is None else int(one) for one in found]

    async def count(self, segment_id: str) -> int:
        """How many members a segment has."""
        with answering():
            return int(await self._redis.zcard(self._keys.members(segment_id)))

    async def counts(self) -> Counts:
        """The sizes of everything, from the sizes of the sets themselves."""
        with answering():
            segments = sorted(map(_text, await self._redis.smembers(self._keys.segments)))
        pipe = self._redis.pipeline(transaction=False)
        for partition in range(self.partitions):
            pipe.zcard(self._keys.profiles(partition))
        for segment_id in segments:
            pipe.zcard(self._keys.members(segment_id))
        sizes = await execute(pipe)
        return Counts(sum(sizes[: self.partitions]), dict(zip(segments, sizes[self.partitions :], strict=True)))

    async def reached(self, partitions: Sequence[int]) -> dict[int, int]:
        """Up to which offset the outcomes of these partitions are in."""
        pipe = self._redis.pipeline(transaction=False)
        for partition in partitions:
            pipe.hget(self._keys.marker(partition), "offset")
        found = await execute(pipe)
        return {partition: int(offset or 0) for partition, offset in zip(partitions, found, strict=True)}

    async def swept(self, segment_id: str) -> set[int]:
        """The partitions that hold no tag of this deleted segment any more."""
        with answering():
            return {int(partition) for partition in await self._redis.smembers(self._keys.swept(segment_id))}

    async def stored(self, partition: int) -> AsyncIterator[list[Stored]]:
        """Every profile of a partition, in batches; one may come twice, as with every scan of Redis."""
        cursor = 0
        while True:
            with answering():
                cursor, ids = await self._redis.zscan(self._keys.profiles(partition), cursor, count=BATCH)
            batch = await self.look_up([_text(one) for one, _ in cast("list[tuple[bytes, float]]", ids)])
            yield [found for found in batch if found is not None]
            if not cursor:
                return

    async def look_up(self, profile_ids: list[str]) -> list[Stored | None]:
        """These profiles with the memberships their segments' own sets give them, in the same order."""
        pipe = self._redis.pipeline(transaction=False)
        for profile_id in profile_ids:
            pipe.hgetall(self._keys.profile(profile_id))
        hashes = [_fields(fields) for fields in await execute(pipe)]
        asked = [
            (place, tag.segment_id)
            for place, fields in enumerate(hashes)
            for tag in _decode_tags(fields.get("tags", "[]"))
        ]
        for place, segment_id in asked:
            pipe.zscore(self._keys.members(segment_id), profile_ids[place])
        scores = await execute(pipe)
        members: list[dict[str, int]] = [{} for _ in profile_ids]
        for (place, segment_id), score in zip(asked, scores, strict=True):
            if score is not None:
                members[place][segment_id] = int(score)
        return [
            _stored(profile_id, fields, found) if fields else None
            for profile_id, fields, found in zip(profile_ids, hashes, members, strict=True)
        ]

    async def strays(self) -> AsyncIterator[list[tuple[str, str]]]:
        """(segment, profile) pairs in the members' sets that the profile's own tags do not know, in batches."""
        with answering():
            segments = await self._redis.smembers(self._keys.segments)
        for segment_id in map(_text, segments):
            cursor = 0
            while True:
                with answering():
                    cursor, found = await self._redis.zscan(self._keys.members(segment_id), cursor, count=BATCH)
                ids = [_text(profile_id) for profile_id, _ in cast("list[tuple[bytes, float]]", found)]
                known = await self.look_up(ids)
                yield [
                    (segment_id, profile_id)
                    for profile_id, profile in zip(ids, known, strict=True)
                    if profile is None or segment_id not in profile.content.members
                ]
                if not cursor:
                    break

    async def digest(self) -> str:
        """One figure for all of it: equal to the digest of the states it was made from, and to no other."""
        digest = Digest()
        for partition in range(self.partitions):
            seen: set[str] = set()
            async for batch in self.stored(partition):
                for profile in batch:
                    if profile.profile_id not in seen:
                        seen.add(profile.profile_id)
                        digest.content(profile.profile_id, profile.content)
        async for strays in self.strays():
            for segment_id, profile_id in strays:
                digest.member(segment_id, profile_id, 0)
        return digest.hexadecimal()


def _text(answer: bytes | str) -> str:
    return answer.decode() if isinstance(answer, bytes) else answer


def _fields(answer: Mapping[Any, Any]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer.items()}


def _profile(profile_id: str, stored: Mapping[str, str]) -> Profile | None:
    if not stored:
        return None
    values: dict[str, Any] = {"profile_id": profile_id}
    for name, value in stored.items():
        if name not in _NOTES:
            values[name] = value if name in _TEXTS else msgspec.json.decode(value)
    return msgspec.convert(values, Profile)


def _place(member: Member) -> tuple[int, bytes]:
    return member.since_ms, member.profile_id.encode()


def _stored(profile_id: str, fields: Mapping[str, str], members: Mapping[str, int]) -> Stored:
    content = {name: value for name, value in fields.items() if name not in _NOTES}
    return Stored(profile_id, fields.get("version", ""), Content(content, members))
