"""Idempotency-Key on writes of /v2: a request that comes again gets the answer of the first one, for a day.

The first one is noted in Redis before it is carried out, and its answer after it. A second one that comes meanwhile
is told to wait; one that says something else under the same key is refused. What failed here may be tried again.
"""

import hashlib

import msgspec
from redis.asyncio import Redis
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octyseg.api.problems import answer
from octyseg.errors import ProjectionUnavailable
from octyseg.projection.connection import answering
from octyseg.service.access import Access

KEPT_S = 24 * 60 * 60
# As long as a request may take; then whoever took it is taken for dead.
PENDING_S = 120
MAX_KEY_CHARACTERS = 255
MAX_KEPT_BYTES = 1024 * 1024
_FAILED_HERE = 500
# Who asks was not known, or asked too often: nothing was decided about the request.
_NOT_JUDGED = frozenset({401, 429})
_WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class _Kept(msgspec.Struct):
    """What was asked, and what was answered; no status: not yet."""

    fingerprint: str
    status: int = 0
    content_type: str = ""
    body: bytes = b""


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Kept).decode


class Idempotency:
    """ASGI middleware, behind the gate: bodies are whole here, but for uploads."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Carry a request out once."""
        headers = dict(scope.get("headers", ()))
        own = headers.get(b"idempotency-key")
        if scope["type"] != "http" or own is None or scope["method"] not in _WRITES or not _is_native(scope["path"]):
            await self._app(scope, receive, send)
            return
        if not own or len(own) > MAX_KEY_CHARACTERS:
            text = f"Idempotency-Key has {len(own)} characters: send 1 to {MAX_KEY_CHARACTERS}"
            await answer(scope["path"], 400, [text])(scope, receive, send)
            return
        first = await receive()
        once = _Once(self._access.redis, self._key(headers, own), _fingerprint(scope, headers, first))
        try:
            kept = await once.begin()
        except ProjectionUnavailable as error:
            await answer(scope["path"], 503, [str(error)], {"Retry-After": "1"})(scope, receive, send)
            return
        if kept is not None:
            await _again(kept, once, scope, send)
            return
        await once.carry_out(self._app, scope, _replayed(first, receive), send)

    def _key(self, headers: dict[bytes, bytes], own: bytes) -> str:
        """Whose key it is belongs to it."""
        digest = hashlib.sha256(headers.get(b"authorization", b"") + b"\0" + own).hexdigest()
        return f"{self._access.settings.redis_prefix}idempotency:{digest}"


class _Once:
    """One request under one key."""

    def __init__(self, redis: Redis, key: str, fingerprint: str) -> None:
        self._redis = redis
        self._key = key
        self.fingerprint = fingerprint

    async def begin(self) -> _Kept | None:
        """None: carry it out. Else what is known of it."""
        with answering():
            note = _encode(_Kept(self.fingerprint))
            before = await self._redis.set(self._key, note, nx=True, get=True, ex=PENDING_S)
        return None if before is None else _decode(before)  # type: ignore[arg-type] # bytes in, bytes out

    async def carry_out(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Have it done, and keep the answer."""
        kept = _Kept(self.fingerprint)
        parts: list[bytes] = []

        async def note(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept.status = message["status"]
                kept.content_type = dict(message["headers"]).get(b"content-type", b"").decode("latin-1")
            else:
                parts.append(message.get("body", b""))
                if not message.get("more_body", False):
                    kept.body = b"".join(parts)
                    await self._keep(kept)
            await send(message)

        try:
            await app(scope, receive, note)
        except BaseException:
            await self._redis.delete(self._key)
            raise

    async def _keep(self, kept: _Kept) -> None:
        try:
            with answering():
                if kept.status >= _FAILED_HERE or kept.status in _NOT_JUDGED or len(kept.body) > MAX_KEPT_BYTES:
                    await self._redis.delete(self._key)
                else:
                    await self._redis.set(self._key, _encode(kept), ex=KEPT_S)
        except ProjectionUnavailable:
            return


async def _again(kept: _Kept, once: _Once, scope: Scope, send: Send) -> None:
    async def nothing() -> Message:
        return {"type": "http.disconnect"}

    if kept.fingerprint != once.fingerprint:
        text = "another request came under this Idempotency-Key: send a new key with a new request"
        await answer(scope["path"], 422, [text])(scope, nothing, send)
    elif not kept.status:
        text = "the request under this Idempotency-Key is being carried out: ask again"
        await answer(scope["path"], 409, [text], {"Retry-After": "1"})(scope, nothing, send)
    else:
        headers = [(b"content-type", kept.content_type.encode("latin-1")), (b"idempotent-replayed", b"true")]
        headers.append((b"content-length", str(len(kept.body)).encode()))
        await send({"type": "http.response.start", "status": kept.status, "headers": headers})
        await send({"type": "http.response.body", "body": kept.body})


def _is_native(path: str) -> bool:
    return path.startswith("/v2/")


def _fingerprint(scope: Scope, headers: dict[bytes, bytes], first: Message) -> str:
    """What is asked. Of an upload, which comes in pieces, the length stands for the rest."""
    digest = hashlib.sha256()
    body = first.get("body", b"")
    for part in (scope["method"].encode(), scope["path"].encode(), scope["query_string"], body):
        digest.update(len(part).to_bytes(8) + part)
    digest.update(headers.get(b"content-length", b""))
    return digest.hexdigest()


def _replayed(first: Message, receive: Receive) -> Receive:
    waiting: list[Message] = [first]

    async def read() -> Message:
        return waiting.pop() if waiting else await receive()

    return read
