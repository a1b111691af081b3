import hmac

import pytest

from octyseg.model.key import ROTATION_MS, Pair, made, new_pair, proves, rotated


def test_the_secret_before_a_rotation_is_good_for_a_day():
    first = new_pair()
    second = new_pair(first.public_key)
    stored = rotated(made(first, ("read",), "", 0), second, 1_000)
    assert proves(first.secret_key, stored, 1_000 + ROTATION_MS - 1)
    assert not proves(first.secret_key, stored, 1_000 + ROTATION_MS)
    assert proves(second.secret_key, stored, 1_000 + ROTATION_MS)
    # A second rotation leaves two secrets, never three.
    third = rotated(stored, new_pair(first.public_key), 2_000)
    assert not proves(first.secret_key, third, 2_000)


@pytest.mark.parametrize("secret", ["", "0" * 64, "sk_" + "x" * 43, "\ud800"])
def test_no_other_secret_opens(secret):
    stored = made(Pair("pk_" + "0" * 24, "sk_right"), ("read",), "", 0)
    assert not proves(secret, stored, 0)
    assert not proves(secret, None, 0)


def test_every_question_compares_both_secrets_and_none_by_their_first_difference(monkeypatch):
    """Time tells nothing: it is the library's comparison, as often for a key that is not there."""
    compared = []
    compare = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: compared.append(len(other)) or compare(one, other))
    stored = made(Pair("pk_" + "0" * 24, "sk_right"), ("read",), "", 0)
    revoked = stored.model_copy(update={"revoked_at_ms": 0})
    right, wrong = "sk_right", "sk_wrong"
    for given, of, proved in (
        (right, stored, True),
        (wrong, stored, False),
        (right, revoked, False),
        (right, None, False),
    ):
        compared.clear()
        assert proves(given, of, 0) is proved
        assert compared == [64, 64]
