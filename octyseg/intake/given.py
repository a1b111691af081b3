"""Events and profiles as Octy's clients send them, one by one, made into records."""

from collections.abc import Mapping

from octyseg.intake import record
from octyseg.intake.record import NewInput, Refused
from octyseg.model.ids import id_of_customer

_PROFILE_FIELDS = ("customer_id", "profile_data", "platform_info", "has_charged", "status", "created_at")


def event(one: object, event_id: str, now_ms: int) -> NewInput | Refused:
    """The record of one event; `event_id` is for one that has none."""
    if not isinstance(one, Mapping):
        return Refused("an event is an object: send event_type, event_properties and profile_id")
    return record.event(one, event_id, now_ms)


def profile(one: object, now_ms: int) -> NewInput | Refused:
    """The record of one profile; without a profile_id the customer_id leads to it."""
    if not isinstance(one, Mapping):
        return Refused("a profile is an object: send customer_id and what is known of it")
    profile_id, customer_id = one.get("profile_id") or None, one.get("customer_id") or None
    if profile_id is None and customer_id is None:
        return Refused("customer_id and profile_id are missing: send one of them")
    if profile_id is None:
        if not isinstance(customer_id, str):
            return Refused("customer_id is no text: send one")
        profile_id = id_of_customer(customer_id)
    fields = {name: one[name] for name in _PROFILE_FIELDS if one.get(name) is not None}
    if "created_at" in fields:
        fields["created_at"] = record.instant(fields["created_at"])
    return record.profile(profile_id, fields, now_ms)
