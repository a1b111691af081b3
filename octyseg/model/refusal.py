"""Why a record is refused: a reason from a closed set, which is also the metric's label, and a sentence."""

from typing import Literal

from msgspec import Struct

Reason = Literal[
    "empty",
    "key_missing",
    "key_mismatch",
    "bad_profile_id",
    "misplaced",
    "too_large",
    "not_utf8",
    "bad_json",
    "duplicate_key",
    "bad_number",
    "too_deep",
    "too_many_keys",
    "bad_field",
    "unknown_type",
    "bad_time",
    "no_zone",
    "future",
    "merge_loop",
    "unsupported",
    "exhausted",
]


class Refusal(Struct, frozen=True):
    """Why a record goes to the dead letters: a reason from the closed set and a sentence for a person."""

    reason: Reason
    message: str


class RefusedError(Exception):
    """Carries a refusal out of nested looks at one record; never leaves octyseg.model."""

    def __init__(self, reason: Reason, message: str) -> None:
        self.refusal = Refusal(reason, message)
        super().__init__(message)
