"""Keys of the HTTP API: a public half that names the key, a secret half that proves it, and what it may do.

Kept on the definitions topic with the secret's hash only. A secret is 256 bits of chance, so one round of
SHA-256 keeps it; comparisons take the same time whatever is wrong.
"""

import hashlib
import hmac
import secrets
from typing import Literal, NamedTuple

from pydantic import Field

from octyseg.model.definitions.shape import Shape

Scope = Literal["ingest", "read", "write", "admin"]

# What each scope lets its holder do.
ALLOWS: dict[Scope, frozenset[Scope]] = {
    "ingest": frozenset({"ingest"}),
    "read": frozenset({"read"}),
    "write": frozenset({"ingest", "read", "write"}),
    "admin": frozenset({"ingest", "read", "write", "admin"}),
}
ROTATION_MS = 24 * 60 * 60 * 1000
_NO_HASH = "0" * 64


class StoredKey(Shape):
    """A key as the definitions topic has it. After a rotation the secret before it is good for a day."""

    public_key: str = Field(pattern=r"^pk_[0-9a-f]{24}$")
    secret_hash: str
    previous_hash: str | None = None
    previous_until_ms: int = 0
    scopes: tuple[Scope, ...] = Field(min_length=1)
    note: str = Field(default="", max_length=200)
    created_at_ms: int
    revoked_at_ms: int | None = None

    def allows(self, scope: Scope) -> bool:
        """Whether the holder may do what asks for this scope."""
        return any(scope in ALLOWS[own] for own in self.scopes)


class Pair(NamedTuple):
    """Both halves, as they are shown once."""

    public_key: str
    secret_key: str


def new_pair(public_key: str | None = None) -> Pair:
    """A new pair, or a new secret for a public half that stays."""
    return Pair(public_key or f"pk_{secrets.token_hex(12)}", f"sk_{secrets.token_urlsafe(32)}")


def hashed(secret_key: str) -> str:
    """What is kept of a secret."""
    return hashlib.sha256(secret_key.encode(errors="surrogatepass")).hexdigest()


def proves(secret_key: str, stored: StoredKey | None, now_ms: int) -> bool:
    """Whether the secret is the key's, in the same time for a key that is not there."""
    given = hashed(secret_key)
    current = hmac.compare_digest(given, _NO_HASH if stored is None else stored.secret_hash)
    before = hmac.compare_digest(given, _NO_HASH if stored is None else stored.previous_hash or _NO_HASH)
    if stored is None or stored.revoked_at_ms is not None:
        return False
    return current or (before and now_ms < stored.previous_until_ms)


def made(pair: Pair, scopes: tuple[Scope, ...], note: str, now_ms: int) -> StoredKey:
    """A new key."""
    return StoredKey(
        public_key=pair.public_key, secret_hash=hashed(pair.secret_key), scopes=scopes, note=note, created_at_ms=now_ms
    )


def rotated(stored: StoredKey, pair: Pair, now_ms: int) -> StoredKey:
    """The key with a new secret; the one before it is good for a day, so that its users can follow."""
    return stored.model_copy(
        update={
            "secret_hash": hashed(pair.secret_key),
            "previous_hash": stored.secret_hash,
            "previous_until_ms": now_ms + ROTATION_MS,
        }
    )


def key_key(public_key: str) -> bytes:
    """The topic key of a key."""
    return f"apiKeys/{public_key}".encode()
