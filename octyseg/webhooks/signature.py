"""Signing as Standard Webhooks has it, by its own library: three headers that a receiver can check.

Pure: time and secrets are arguments. Every secret in force signs, so that receivers can change over
during a rotation.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

SECRET_BYTES = 32
PREFIX = "whsec_"


def secret_of(randomness: bytes) -> str:
    """A secret in the form in which receivers expect it."""
    assert len(randomness) == SECRET_BYTES, "a secret is made of 32 random bytes"
    return PREFIX + base64.b64encode(randomness).decode()


def sign(secrets: Sequence[str], message_id: str, at_ms: int, body: bytes) -> dict[str, str]:
    """The headers of a message sent at `at_ms`; one signature for each secret, the newest first."""
    assert secrets, "a webhook is always signed"
    at = datetime.fromtimestamp(at_ms // 1000, UTC)
    text = body.decode()
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(at_ms // 1000),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, at, text) for secret in secrets),
    }
