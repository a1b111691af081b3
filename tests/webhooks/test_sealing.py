import threading

import pytest

from octyseg.errors import SettingsError
from octyseg.webhooks.sealing import Seal, key_beside, new_key


def test_a_sealed_secret_opens_with_its_key_only():
    seal = Seal(new_key())
    sealed = seal.close("whsec_abc")
    assert "whsec_abc" not in sealed
    assert seal.open(sealed) == "whsec_abc"
    with pytest.raises(SettingsError, match="sealed with another key than OCTYSEG_WEBHOOKS__SECRET_KEY"):
        Seal(new_key()).open(sealed)


def test_without_a_key_nothing_is_sealed_and_the_setting_is_named():
    with pytest.raises(SettingsError, match="OCTYSEG_WEBHOOKS__SECRET_KEY is not set"):
        Seal(None).close("whsec_abc")


def test_what_is_no_key_is_said_with_the_way_to_one():
    with pytest.raises(SettingsError, match="octyseg webhooks key"):
        Seal("secret")


def test_the_key_of_an_embedded_log_is_made_once_and_is_its_owners(tmp_path):
    log_file = tmp_path / "new" / "octyseg.db"
    keys = []
    threads = [threading.Thread(target=lambda: keys.append(key_beside(log_file))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(keys)) == 1
    assert len(keys) == 4
    (path,) = log_file.parent.iterdir()
    assert path.stat().st_mode & 0o077 == 0
