"""What a change on the tags topic leads to: for each endpoint that wants it a delivery, or a record why not.

Used by the webhooks stage while it reads a chunk. The only thing it asks of the world are fields of
profiles, for endpoints that want some.
"""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from octyseg import logs, metrics
from octyseg.log.port import Record
from octyseg.model.change import PublicChange, from_json
from octyseg.webhooks.delivery import Delivery, DeliveryRecord, Status, instant, milliseconds
from octyseg.webhooks.endpoint import Endpoint
from octyseg.webhooks.payload import fields_of

_logger = logs.get(__name__)

# All that is known of a profile; {} when nothing is.
Profile = Callable[[str], Awaitable[dict[str, Any]]]


class Taken(NamedTuple):
    """What to write of a chunk on the log, and what to schedule."""

    records: list[DeliveryRecord]
    deliveries: list[Delivery]


class Intake:
    """Holds no state but the settings; one per stage."""

    def __init__(self, profile: Profile, max_staleness_ms: int | None) -> None:
        self._profile = profile
        self._max_staleness_ms = max_staleness_ms

    async def take(self, record: Record, endpoints: Iterable[Endpoint], now_ms: int, taken: Taken) -> None:
        """Add to `taken` what one record leads to."""
        value = bytes(record.value or b"")
        try:
            change = from_json(value)
        except msgspec.MsgspecError:
            # The topic is ours: another program wrote there, and nobody asked for a webhook of it.
            metrics.events("webhooks", "unreadable").inc()
            _logger.warning("a record of the tags topic is no change", offset=record.offset)
            return
        if not change.webhook:
            return
        for endpoint in endpoints:
            if endpoint.wants(change):
                status, message = self._verdict(change, endpoint)
                profile = None
                if status == "scheduled":
                    profile = await self._fields(change, endpoint)
                    taken.deliveries.append(_delivery(change, endpoint, record.offset, value, profile))
                taken.records.append(
                    DeliveryRecord(
                        change_id=change.change_id,
                        endpoint=endpoint.name,
                        profile_id=change.profile_id,
                        status=status,
                        at=instant(now_ms),
                        message=message,
                        profile=profile,
                    )
                )

    def _verdict(self, change: PublicChange, endpoint: Endpoint) -> tuple[Status, str | None]:
        if not endpoint.enabled:
            return "disabled", f"the endpoint is not in use: {endpoint.why_disabled}"
        late_ms = _ms(change.detected_at) - _ms(change.occurred_at)
        if self._max_staleness_ms is not None and late_ms > self._max_staleness_ms:
            return "stale", f"detected {late_ms} ms after it occurred"
        return "scheduled", None

    async def _fields(self, change: PublicChange, endpoint: Endpoint) -> dict[str, Any] | None:
        if not endpoint.profile_fields:
            return None
        return fields_of(await self._profile(change.profile_id), endpoint.profile_fields)


def _delivery(
    change: PublicChange, endpoint: Endpoint, offset: int, value: bytes, profile: dict[str, Any] | None
) -> Delivery:
    encoded = b"" if profile is None else msgspec.json.encode(profile)
    return Delivery(change.change_id, endpoint.name, change.profile_id, offset, value, encoded)


def _ms(rfc3339: str) -> int:
    return milliseconds(datetime.fromisoformat(rfc3339))
