"""Endpoints of webhooks: what there is of them, their secrets and switches, what became of deliveries."""

import secrets
from datetime import datetime
from typing import Any

import msgspec

from octyseg.errors import NotFound, UsageError
from octyseg.hosting.webhooks import seal_of, sender_of, webhook_topics
from octyseg.model.change import rfc3339
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredSwitch, encoded, secrets_key, switch_key
from octyseg.service.access import Access
from octyseg.stages.webhooks_records import newest
from octyseg.stages.webhooks_replay import GIVEN_UP
from octyseg.stages.webhooks_replay import replay as send_again
from octyseg.webhooks.delivery import DeliveryRecord
from octyseg.webhooks.endpoint import Endpoint, endpoints, rotated
from octyseg.webhooks.queue import Queue
from octyseg.webhooks.signature import SECRET_BYTES, secret_of, sign

# Records of one answer.
MOST_ATTEMPTS = 10_000
CLOCKS_DIFFER_S = 3_600


async def listing(access: Access) -> list[dict[str, Any]]:
    """All endpoints with where they go and whether they are in use."""
    return [shown(one) for one in _opened(access, await access.registry()).values()]


async def endpoint(access: Access, name: str) -> dict[str, Any]:
    """One endpoint."""
    return shown(await _known(access, name))


def shown(one: Endpoint) -> dict[str, Any]:
    """An endpoint without its secrets."""
    return {
        "endpoint": one.name,
        "url": one.url,
        "format": one.format,
        "segments": sorted(one.segments),
        "kinds": sorted(one.kinds),
        "enabled": one.enabled,
        "why_disabled": one.why_disabled or None,
    }


async def new_secret(access: Access, name: str) -> str:
    """Make an endpoint's secret, or a new one; the one before it still signs for a day."""
    async with access.defining:
        await _known(access, name)
        made = secret_of(secrets.token_bytes(SECRET_BYTES))
        old = access.follower.registry.secrets(name)
        stored = rotated(old, name, seal_of(access.settings).close(made), access.now_ms())
        await access.define([(secrets_key(name), encoded(stored))])
        return made


async def switch(access: Access, name: str, *, enabled: bool) -> dict[str, Any]:
    """Send to an endpoint again, or no more."""
    async with access.defining:
        await _known(access, name)
        stored = StoredSwitch(endpoint=name, enabled=enabled, reason="by hand", at_ms=access.now_ms())
        await access.define([(switch_key(name), encoded(stored))])
        return shown(await _known(access, name))


async def test(access: Access, name: str) -> dict[str, Any]:
    """Post one signed test message from here."""
    found = await _known(access, name)
    at_ms = access.now_ms()
    signers = found.secrets_at(at_ms)
    if not signers:
        msg = f"{name} has no secret yet: `octyseg webhooks secret {name}` makes it"
        raise UsageError(msg)
    told = {"type": "webhook.test", "timestamp": rfc3339(at_ms), "data": {"endpoint": name}}
    body = msgspec.json.encode(told)
    sender = sender_of(access.settings)
    try:
        signed = sign(signers, f"test_{secrets.token_hex(8)}", at_ms, body)
        came = await sender.post(name, found.url, signed, body)
    finally:
        await sender.close()
    return {
        "endpoint": name,
        "taken": not came.failure,
        "http_status": came.status or None,
        "message": came.message or None,
        "duration_ms": came.duration_ms,
    }


async def attempts(
    access: Access,
    *,
    change_id: str | None = None,
    endpoint: str | None = None,
    status: str | None = None,
    profile_id: str | None = None,
    since: datetime | None = None,
    limit: int = MOST_ATTEMPTS,
) -> list[dict[str, Any]]:
    """What happened last to deliveries, at most so many records, the newest last.

    Whoever says of whom or since when (give or take an hour, for clocks differ) does not wait for a look at all
    thirty days.
    """

    def wanted(record: DeliveryRecord) -> bool:
        return (
            change_id in (None, record.change_id)
            and endpoint in (None, record.endpoint)
            and status in (None, record.status)
            and profile_id in (None, record.profile_id)
        )

    found = await newest(
        access.log,
        access.settings.topic("deliveries"),
        wanted,
        limit,
        partition=None if profile_id is None else access.partition_of(profile_id),
        since_s=0.0 if since is None else since.timestamp() - CLOCKS_DIFFER_S,
    )
    return _plain(found)


async def replay(
    access: Access, change_id: str | None, after: datetime | None, endpoint: str | None
) -> list[dict[str, Any]]:
    """Send deliveries again: of one change whatever became of them, else those that were given up."""
    if change_id is None and after is None and endpoint is None:
        msg = "say which: a change, a time since when, an endpoint, or several of them"
        raise UsageError(msg)

    def chosen(record: DeliveryRecord) -> bool:
        return (
            change_id in (None, record.change_id)
            and endpoint in (None, record.endpoint)
            and (after is None or record.at >= after)
            and (change_id is not None or record.status in GIVEN_UP)
        )

    queue = Queue(access.redis, access.settings.redis_prefix)
    return _plain(await send_again(access.log, webhook_topics(access.settings), queue, chosen, access.now_ms()))


def _plain(records: list[DeliveryRecord]) -> list[dict[str, Any]]:
    plain: list[dict[str, Any]] = msgspec.to_builtins(records)
    return plain


def _opened(access: Access, registry: Registry) -> dict[str, Endpoint]:
    return endpoints(registry, seal_of(access.settings))


async def _known(access: Access, name: str) -> Endpoint:
    found = _opened(access, await access.registry())
    if name not in found:
        listed = ", ".join(found) or "none: apply a file with kind: webhookEndpoints, or a webhookURL"
        msg = f"there is no endpoint {name}: there is {listed}"
        raise NotFound(msg)
    return found[name]
