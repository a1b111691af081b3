"""The body of a webhook: the change as it stands on `octyseg.tags`, or the form that Octy's receivers know.

Pure. A body depends on the change, the format and the profile's fields that were looked up when it was
scheduled, so that every attempt of a delivery posts the same bytes.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from octyseg.model.change import PublicChange

Format = Literal["standard", "octy"]

_encode = msgspec.json.Encoder().encode
_SUBJECTS = {"added": "created", "refreshed": "refreshed", "removed": "removed"}


def body_of(change: PublicChange, form: Format, profile: dict[str, Any] | None) -> bytes:
    """The bytes to post. `profile` holds the fields the endpoint asked for, None when it asked for none."""
    if form == "octy":
        return _encode(_octy(change, profile))
    data: dict[str, Any] = msgspec.to_builtins(change)
    if profile is not None:
        data["profile"] = profile
    return _encode({"type": f"segment.{change.kind}", "timestamp": change.occurred_at, "data": data})


def _octy(change: PublicChange, profile: dict[str, Any] | None) -> dict[str, Any]:
    """Octy told of created live tags only; the other subjects are made after its pattern."""
    body: dict[str, Any] = {
        "profile_id": change.profile_id,
        "segment": {"segment_id": change.segment_id, "segment_tag": change.segment_tag},
    }
    if profile is not None:
        body["profile"] = profile
    return {
        "subject": f"{change.segment_type.capitalize()} segment tag {_SUBJECTS[change.kind]}",
        "body": body,
        "date_time": change.occurred_at,
    }


def fields_of(profile: dict[str, Any], paths: Sequence[str]) -> dict[str, Any]:
    """The fields of a profile by their paths; what the profile has not is null."""
    return {path: _at(profile, path.split(".")) for path in paths}


def _at(value: Any, keys: Sequence[str]) -> Any:
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value
