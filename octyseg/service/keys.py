"""Keys of the HTTP API: made, shown, turned off, given a new secret."""

from collections.abc import Sequence
from typing import Any

from octyseg.errors import NotFound, UsageError
from octyseg.model import key
from octyseg.model.change import rfc3339
from octyseg.model.definitions.stored import encoded
from octyseg.model.key import ALLOWS, Pair, Scope, StoredKey
from octyseg.service.access import Access


async def create(access: Access, scopes: Sequence[str], note: str = "") -> dict[str, Any]:
    """A new key. Its secret is in this answer and nowhere else."""
    pair = key.new_pair()
    stored = key.made(pair, _scopes(scopes), note, access.now_ms())
    await _keep(access, stored)
    return _with_secret(pair, stored)


async def listing(access: Access) -> list[dict[str, Any]]:
    """Every key, revoked ones among them, without secrets."""
    return [shown(stored) for stored in (await access.registry()).api_keys()]


async def revoke(access: Access, public_key: str) -> dict[str, Any]:
    """Turn a key off at once, for good."""
    stored = await _known(access, public_key)
    if stored.revoked_at_ms is None:
        stored = stored.model_copy(update={"revoked_at_ms": access.now_ms()})
        await _keep(access, stored)
    return shown(stored)


async def rotate(access: Access, public_key: str) -> dict[str, Any]:
    """A new secret for a key; the one before it is good for a day."""
    stored = await _known(access, public_key)
    if stored.revoked_at_ms is not None:
        msg = f"key {public_key} was revoked: create a new one"
        raise UsageError(msg)
    pair = key.new_pair(public_key)
    stored = key.rotated(stored, pair, access.now_ms())
    await _keep(access, stored)
    return _with_secret(pair, stored)


def shown(stored: StoredKey) -> dict[str, Any]:
    """A key without its secret."""
    return {
        "public_key": stored.public_key,
        "scopes": list(stored.scopes),
        "note": stored.note,
        "created_at": rfc3339(stored.created_at_ms),
        "revoked_at": None if stored.revoked_at_ms is None else rfc3339(stored.revoked_at_ms),
    }


def _with_secret(pair: Pair, stored: StoredKey) -> dict[str, Any]:
    return {"public_key": pair.public_key, "secret_key": pair.secret_key, "scopes": list(stored.scopes)}


def _scopes(scopes: Sequence[str]) -> tuple[Scope, ...]:
    known = [scope for scope in ALLOWS if scope in scopes]
    strange = sorted(set(scopes) - set(ALLOWS))
    if strange or not known:
        msg = f"scopes {', '.join(strange) or 'are missing'}: choose from {', '.join(ALLOWS)}"
        raise UsageError(msg)
    return tuple(known)


async def _known(access: Access, public_key: str) -> StoredKey:
    stored = (await access.registry()).key(public_key)
    if stored is None:
        msg = f"there is no key {public_key}: `octyseg keys list` shows them"
        raise NotFound(msg)
    return stored


async def _keep(access: Access, stored: StoredKey) -> None:
    await access.define([(key.key_key(stored.public_key), encoded(stored))])
