"""Idempotency-Key on writes of /v2: a request that comes again gets the answer of the first one, for a day.

The first one is noted in Redis before it is carried out, and its answer after it. A second one that comes meanwhile
is told to wait; one that says something else under the same key is refused. What failed here may be tried again.

Answers may hold secrets that are kept nowhere else, so they are sealed with what only the caller knows: his
credentials and his key. Whose credentials are good no longer gets no answer again.
"""

import base64
import hashlib

import msgspec
from cryptography.fernet import Fernet
from redis.asyncio import Redis
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octyseg.api.door import Door
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

    def __init__(self, app: ASGIApp, access: Access, door: Door) -> None:
        self._app = app
        self._access = access
        self._door = door

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
        credentials = headers.get(b"authorization", b"")
        if not await self._door.knows(credentials.decode("latin-1"), scope["path"]):
            # It is told so further in, and leaves nothing here.
            await self._app(scope, receive, send)
            return
        first = await receive()
        once = _Once(self._access, credentials + b"\0" + own, _fingerprint(scope, headers, first))
        try:
            kept = await once.begin()
        except ProjectionUnavailable as error:
            await answer(scope["path"], 503, [str(error)], {"Retry-After": "1"})(scope, receive, send)
            return
        if kept is not None:
            await _again(kept, once, scope, send)
            return
        await once.carry_out(self._app, scope, _replayed(first, receive), send)


class _Once:
    """One request under one key; whose key it is belongs to it."""

    def __init__(self, access: Access, known_by: bytes, fingerprint: str) -> None:
        self._redis: Redis = access.redis
        self._key = f"{access.settings.redis_prefix}idempotency:{hashlib.sha256(b'name' + known_by).hexdigest()}"
        self._seal = Fernet(base64.urlsafe_b64encode(hashlib.sha256(b"seal" + known_by).digest()))
        self.fingerprint = fingerprint

    async def begin(self) -> _Kept | None:
        """None: carry it out. Else what is known of it."""
        with answering():
            note = self._sealed(_Kept(self.fingerprint))
            before = await self._redis.set(self._key, note, nx=True, get=True, ex=PENDING_S)
        return None if before is None else _decode(self._seal.decrypt(before))  # type: ignore[arg-type] # bytes in, bytes out

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
                    await self._redis.set(self._key, self._sealed(kept), ex=KEPT_S)
        except ProjectionUnavailable:
            return

    def _sealed(self, kept: _Kept) -> bytes:
        return self._seal.encrypt(_encode(kept))


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
