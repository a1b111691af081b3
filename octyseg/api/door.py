"""Who asks, and whether he may: keys in the Authorization header, scopes, so many requests a second.

While no key was ever made, a server on loopback is open to whoever is on the machine, and any other to nobody.
Segment's and RudderStack's libraries send one half only: the public one may send events, and nothing else.
"""

import base64
import binascii
from typing import Annotated, NamedTuple

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyHeader, SecurityScopes
from limits import parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from octyseg.api.problems import ANALYTICS, Rejected
from octyseg.model.key import Scope, StoredKey, proves
from octyseg.service.access import Access

_NOBODY = "send Authorization: Basic base64(public_key:secret_key); `octyseg keys create` makes a key"
_NO_KEYS = "nobody may ask before there is a key: `octyseg keys create` makes one"
_scheme = APIKeyHeader(
    name="Authorization", auto_error=False, description="Basic base64(public_key:secret_key)", scheme_name="key"
)


class Caller(NamedTuple):
    """Who asks; None: whoever is on this machine."""

    key: StoredKey | None

    @property
    def name(self) -> str:
        """What the caller is known by."""
        return "local" if self.key is None else self.key.public_key


class Door:
    """Looks at credentials and counts requests; one per application."""

    def __init__(self, access: Access, *, is_local: bool) -> None:
        self._access = access
        self._is_local = is_local
        self._limit = parse(access.settings.server.rate_limit)
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def let_in(self, header: str | None, path: str, scope: Scope) -> Caller:
        """The caller; Rejected when he is none, may not, or asks too often."""
        caller = await self._caller(header, path)
        if not await self._limiter.hit(self._limit, caller.name):
            stats = await self._limiter.get_window_stats(self._limit, caller.name)
            wait_s = max(1, min(round(stats.reset_time - self._access.now_ms() / 1000), self._limit.get_expiry()))
            raise Rejected(429, [f"more than {self._limit} requests: wait {wait_s} s"], {"Retry-After": str(wait_s)})
        if caller.key is not None and not caller.key.allows(scope):
            raise Rejected(403, [f"this key may not {scope}: `octyseg keys create --scope {scope}` makes one that may"])
        return caller

    async def knows(self, header: str | None, path: str) -> bool:
        """Whether the credentials are good now, whatever they are for."""
        try:
            await self._caller(header, path)
        except Rejected:
            return False
        return True

    async def _caller(self, header: str | None, path: str) -> Caller:
        registry = self._access.follower.registry
        if not header and not registry.api_keys():
            registry = await self._access.registry()
            if not registry.api_keys():
                if self._is_local:
                    return Caller(None)
                raise _unknown(_NO_KEYS)
        public_key, secret_key = _halves(header or "")
        stored = registry.key(public_key)
        if stored is None and public_key:
            stored = (await self._access.registry()).key(public_key)
        if proves(secret_key, stored, self._access.now_ms()):
            return Caller(stored)
        may_send = path in ANALYTICS and not secret_key and stored is not None and stored.revoked_at_ms is None
        if may_send and stored is not None:
            return Caller(stored.model_copy(update={"scopes": ("ingest",)}) if stored.allows("ingest") else stored)
        raise _unknown(_NOBODY)


def _unknown(text: str) -> Rejected:
    return Rejected(401, [text], {"WWW-Authenticate": 'Basic realm="octyseg"'})


async def _let_in(request: Request, scopes: SecurityScopes, header: Annotated[str | None, Depends(_scheme)]) -> Caller:
    door: Door = request.app.state.door
    scope: Scope = scopes.scopes[0]  # type: ignore[assignment] # routes name one of ours
    return await door.let_in(header, request.url.path, scope)


def _access(request: Request) -> Access:
    access: Access = request.app.state.access
    return access


Open = Annotated[Access, Depends(_access)]
# What a route asks of its caller; Reading and Writing give him to the route.
INGEST = Security(_let_in, scopes=["ingest"])
READ = Security(_let_in, scopes=["read"])
WRITE = Security(_let_in, scopes=["write"])
ADMIN = Security(_let_in, scopes=["admin"])
Reading = Annotated[Caller, READ]
Writing = Annotated[Caller, WRITE]


def _halves(header: str) -> tuple[str, str]:
    """Both halves of `Basic base64(pk:sk)`, also without the word before it; empty ones when it is none."""
    text = header.removeprefix("Basic ").strip()
    try:
        public_key, _, secret_key = base64.b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    # A library that knows a user and a password sends both halves as the user.
    return public_key, secret_key.removesuffix(":")
