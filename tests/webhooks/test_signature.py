from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from octyseg.webhooks.signature import secret_of, sign

# The example of the Standard Webhooks specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # noqa: S105 - public, of the specification
MESSAGE = "msg_p5jXN8AQM9LWM0D4loKWxJek"
AT_MS = 1_614_265_330_000
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def now_ms():
    return int(datetime.now(UTC).timestamp() * 1000)


def test_the_vector_of_the_specification_comes_out():
    assert sign([SECRET], MESSAGE, AT_MS, BODY) == {
        "webhook-id": MESSAGE,
        "webhook-timestamp": "1614265330",
        "webhook-signature": SIGNATURE,
    }


def test_a_receiver_with_the_secret_verifies_and_one_with_another_refuses():
    secret, other = secret_of(bytes(32)), secret_of(b"\1" * 32)
    headers = sign([secret], "chg_1", now_ms(), BODY)
    assert Webhook(secret).verify(BODY, headers) == {"test": 2432232314}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(BODY + b" ", headers)


def test_during_a_rotation_both_secrets_verify():
    old, new = secret_of(bytes(32)), secret_of(b"\1" * 32)
    headers = sign([new, old], "chg_1", now_ms(), BODY)
    assert Webhook(old).verify(BODY, headers) == Webhook(new).verify(BODY, headers)


def test_a_secret_holds_its_32_bytes_behind_the_prefix():
    assert secret_of(bytes(32)) == "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
