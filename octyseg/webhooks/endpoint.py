"""Endpoints as the stage uses them: those that are defined and the account's own, with secrets opened.

Made of the registry after every change of the definitions. Pure: time is an argument.
"""

from collections.abc import Iterator
from typing import NamedTuple

from octyseg.model.change import PublicChange
from octyseg.model.definitions.definition import ACCOUNT_ENDPOINT, WebhookEndpoint
from octyseg.model.definitions.registry import Registry
from octyseg.model.definitions.stored import StoredSecrets
from octyseg.webhooks.payload import Format
from octyseg.webhooks.sealing import Seal

ROTATION_MS = 24 * 60 * 60 * 1000


class Endpoint(NamedTuple):
    """One receiver. `secrets` are (secret, valid until in epoch ms or None), the newest first; empty: none yet."""

    name: str
    url: str
    segments: frozenset[str]
    kinds: frozenset[str]
    format: Format
    profile_fields: tuple[str, ...]
    enabled: bool
    why_disabled: str
    secrets: tuple[tuple[str, int | None], ...]

    def wants(self, change: PublicChange) -> bool:
        """Whether a change is one that the endpoint asked for."""
        if self.kinds and change.kind not in self.kinds:
            return False
        return not self.segments or change.segment_id in self.segments or change.segment_tag in self.segments

    def secrets_at(self, now_ms: int) -> tuple[str, ...]:
        """The secrets in force."""
        return tuple(secret for secret, until_ms in self.secrets if until_ms is None or now_ms < until_ms)


def definitions(registry: Registry) -> Iterator[WebhookEndpoint]:
    """Every endpoint there is, the account's own first."""
    account = registry.account()
    if account is not None and account.webhook_url:
        yield WebhookEndpoint(name=ACCOUNT_ENDPOINT, url=account.webhook_url)
    for stored in registry.endpoints():
        yield stored.definition


def endpoints(registry: Registry, seal: Seal) -> dict[str, Endpoint]:
    """Every endpoint by name; SettingsError when a secret was sealed with another key."""
    return {definition.name: _endpoint(definition, registry, seal) for definition in definitions(registry)}


def rotated(old: StoredSecrets | None, endpoint: str, sealed: str, now_ms: int) -> StoredSecrets:
    """The secrets with a new one in force; the one before it still signs for a day."""
    if old is None:
        return StoredSecrets(endpoint=endpoint, sealed=sealed)
    return StoredSecrets(endpoint=endpoint, sealed=sealed, previous=old.sealed, previous_until_ms=now_ms + ROTATION_MS)


def _endpoint(definition: WebhookEndpoint, registry: Registry, seal: Seal) -> Endpoint:
    switch = registry.switch(definition.name)
    is_off = switch is not None and not switch.enabled
    kept = registry.secrets(definition.name)
    secrets: list[tuple[str, int | None]] = []
    if kept is not None:
        secrets.append((seal.open(kept.sealed), None))
        if kept.previous is not None:
            secrets.append((seal.open(kept.previous), kept.previous_until_ms))
    return Endpoint(
        definition.name,
        definition.url,
        frozenset(definition.segments),
        frozenset(definition.kinds),
        definition.format,
        definition.profile_fields,
        enabled=definition.enabled and not is_off,
        why_disabled=switch.reason if switch is not None and is_off else "" if definition.enabled else "by definition",
        secrets=tuple(secrets),
    )
