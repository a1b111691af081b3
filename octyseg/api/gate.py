"""Stands before every route: what no route should see goes no further.

    credentials in the query            401: they end in logs
    a name that is not this machine's   421, while the server is open: no web page may talk to it
    length and chunks both              400
    more than 1 MiB (uploads 64 MiB)    413, also unpacked
    another type than the route takes   415

Bodies are read here, unpacked when they come as gzip, and handed on whole; only uploads are handed on as they come.
"""

import asyncio
import re
import zlib
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octyseg.api.problems import Rejected, answer
from octyseg.service.access import Access

MAX_BODY_BYTES = 1024 * 1024
MAX_UPLOAD_BYTES = 64 * 1024 * 1024
READ_TIMEOUT_S = 30.0

_CREDENTIALS = frozenset(
    {"key", "token", "access_token", "password", "authorization"}
    | {first + joint + "key" for first in ("api", "public", "secret", "write") for joint in ("", "_")}
)
_SECRET = re.compile(r"sk_[A-Za-z0-9_-]{16,}")
_UPLOAD = re.compile(r"/v2/segments/[^/]+/members/(add|remove|replace)")
_YAML = frozenset({"application/yaml", "application/x-yaml", "text/yaml"})
_TAKES_YAML = frozenset({"/v2/definitions", "/v2/segments/validate", "/v2/segments/preview"})
_FORM = "application/x-www-form-urlencoded"
_TAKES_FORMS = frozenset({"/console/try"})
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]", "testserver"})
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


class Gate:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, access: Access, *, is_local: bool) -> None:
        self._app = app
        self._access = access
        self._is_local = is_local

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        try:
            self._look(scope, headers)
            inward = await _inward(scope, headers, receive)
        except Rejected as error:
            await answer(scope["path"], error.status, error.texts, error.headers)(scope, receive, send)
            return
        await self._app(scope, inward, send)

    def _look(self, scope: Scope, headers: dict[str, str]) -> None:
        query = scope["query_string"].decode("latin-1")
        names = {name.lower() for name, _ in parse_qsl(query, keep_blank_values=True)}
        if names & _CREDENTIALS or _SECRET.search(query):
            raise Rejected(401, ["credentials do not belong into the address: send the Authorization header"])
        if "content-length" in headers and "transfer-encoding" in headers:
            raise Rejected(400, ["Content-Length and Transfer-Encoding are both there: send one"])
        host = re.sub(r":\d+$", "", headers.get("host", "").lower())
        if self._is_local and host not in _OWN_NAMES and not self._access.follower.registry.api_keys():
            text = f"without keys this server is for its own machine, not for {host or 'nobody'}: `octyseg keys create`"
            raise Rejected(421, [text])


async def _inward(scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
    """The body as the route will read it."""
    length = headers.get("content-length", "0")
    if scope["method"] not in _WITH_BODY or (length == "0" and "transfer-encoding" not in headers):
        return receive
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    is_upload = kind == "text/csv" and _UPLOAD.fullmatch(scope["path"]) is not None
    most = MAX_UPLOAD_BYTES if is_upload else MAX_BODY_BYTES
    if not length.isdigit():
        raise Rejected(400, ["Content-Length is no number: send how many bytes there are"])
    if int(length[:12]) > most:
        raise _too_large(most)
    may_be_yaml = scope["path"] in _TAKES_YAML
    is_form = kind == _FORM and scope["path"] in _TAKES_FORMS
    if not (is_upload or is_form or kind == "application/json" or (kind in _YAML and may_be_yaml)):
        wanted = "application/json" + (" or application/yaml" if may_be_yaml else "")
        raise Rejected(415, [f"the body is {kind or 'of no type'}: send Content-Type: {wanted}"])
    packed = headers.get("content-encoding", "identity").lower()
    if packed not in ("identity", "gzip"):
        raise Rejected(415, [f"Content-Encoding {packed} is not read: send gzip, or nothing"])
    body = _Body(receive, most, packed == "gzip")
    if is_upload:
        return body.pieces
    return _whole(await body.read())


class _Body:
    """A request's body, unpacked, and never more than may be."""

    def __init__(self, receive: Receive, most: int, is_packed: bool) -> None:
        self._receive = receive
        self._left = most
        self._most = most
        self._unpack = zlib.decompressobj(wbits=31) if is_packed else None

    async def read(self) -> bytes:
        """All of it."""
        parts = []
        more = True
        try:
            async with asyncio.timeout(READ_TIMEOUT_S):
                while more:
                    message = await self._receive()
                    if message["type"] == "http.disconnect":
                        break
                    parts.append(self._opened(message.get("body", b"")))
                    more = message.get("more_body", False)
        except TimeoutError:
            raise Rejected(408, ["the body did not come: send it again"]) from None
        return b"".join(parts)

    async def pieces(self) -> Message:
        """The next piece, as a route that streams reads it."""
        message = await self._receive()
        if message["type"] != "http.request":
            return message
        try:
            return {**message, "body": self._opened(message.get("body", b""))}
        except Rejected as error:
            # Routes have begun: this is what they and their framework understand.
            raise HTTPException(error.status, error.texts[0]) from None

    def _opened(self, data: bytes) -> bytes:
        if self._unpack is not None:
            try:
                # One byte more than may be tells that there is more.
                data = self._unpack.decompress(data, self._left + 1)
            except zlib.error:
                raise Rejected(400, ["the body is no gzip: pack it, or leave Content-Encoding out"]) from None
        self._left -= len(data)
        if self._left < 0:
            raise _too_large(self._most)
        return data


def _too_large(most: int) -> Rejected:
    return Rejected(413, [f"the body has more than {most // 1024} KiB: send it in parts"])


def _whole(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive
