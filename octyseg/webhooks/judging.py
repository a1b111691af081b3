"""What an answer makes of a delivery: done, to be tried again at an instant, or over.

Pure: time and chance are arguments. The outcome is a value: the record of the attempt, and the delivery
as it goes on, None when it is settled for good.
"""

from typing import NamedTuple

from msgspec.structs import replace

from octyseg.webhooks.answer import Answer
from octyseg.webhooks.delivery import Delivery, DeliveryRecord, Status, instant
from octyseg.webhooks.schedule import next_attempt_ms, retry_after_ms

SHOWN_ANSWER = 500


class Settlement(NamedTuple):
    """A delivery, what became of it, and how it goes on."""

    delivery: Delivery
    record: DeliveryRecord
    goes_on: Delivery | None


def judge(delivery: Delivery, answer: Answer, now_ms: int, chance: float) -> Settlement:
    """The settlement of an attempt that ended now."""
    attempt = delivery.attempts + 1
    due_at_ms = None
    status: Status = "succeeded"
    if answer.failure == "gone":
        status = "disabled"
    elif answer.failure is not None:
        asked_ms = retry_after_ms(answer.retry_after, now_ms)
        due_at_ms = next_attempt_ms(attempt, now_ms, chance, asked_ms)
        status = "exhausted" if due_at_ms is None else "retrying"
    record = DeliveryRecord(
        change_id=delivery.change_id,
        endpoint=delivery.endpoint,
        profile_id=delivery.profile_id,
        status=status,
        at=instant(now_ms),
        attempt=attempt,
        next_attempt_at=None if due_at_ms is None else instant(due_at_ms),
        failure=answer.failure,
        message=answer.message or None,
        http_status=answer.status,
        duration_ms=answer.duration_ms,
        answer=answer.body[:SHOWN_ANSWER].decode(errors="replace") if answer.failure and answer.body else None,
    )
    goes_on = None if due_at_ms is None else replace(delivery, attempts=attempt, due_at_ms=due_at_ms)
    return Settlement(delivery, record, goes_on)


def dropped(delivery: Delivery, why: str, now_ms: int) -> Settlement:
    """The settlement of a delivery whose endpoint is no longer in use."""
    record = DeliveryRecord(
        change_id=delivery.change_id,
        endpoint=delivery.endpoint,
        profile_id=delivery.profile_id,
        status="disabled",
        at=instant(now_ms),
        attempt=delivery.attempts,
        message=f"the endpoint is not in use: {why}",
    )
    return Settlement(delivery, record, None)
