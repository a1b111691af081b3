"""Secrets at rest: sealed with a key of the settings before they are written anywhere.

Fernet of `cryptography` does the work. Without the right key a sealed secret is useless, and says so.
"""

import contextlib
import tempfile
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from octyseg.errors import SettingsError

VARIABLE = "OCTYSEG_WEBHOOKS__SECRET_KEY"


class Seal:
    """Seals and opens with one key; SettingsError when the key is no key.

    None is no key either, and said when a secret is to be sealed or opened: without endpoints nobody needs one.
    """

    def __init__(self, key: str | None) -> None:
        try:
            self._key = None if key is None else Fernet(key)
        except ValueError:
            msg = f"{VARIABLE} is no key: `octyseg webhooks key` prints a new one"
            raise SettingsError(msg) from None

    def close(self, secret: str) -> str:
        """The secret, sealed."""
        return self._fernet().encrypt(secret.encode()).decode()

    def open(self, sealed: str) -> str:
        """The secret that was sealed; SettingsError when another key sealed it."""
        try:
            return self._fernet().decrypt(sealed).decode()
        except InvalidToken:
            msg = f"a webhook secret was sealed with another key than {VARIABLE}: set the key it was made with"
            raise SettingsError(msg) from None

    def _fernet(self) -> Fernet:
        if self._key is None:
            msg = f"{VARIABLE} is not set: processes that share a log share one, `octyseg webhooks key` makes it"
            raise SettingsError(msg)
        return self._key


def new_key() -> str:
    """A key for the setting."""
    return Fernet.generate_key().decode()


def key_beside(log_file: Path) -> str:
    """The key that belongs to an embedded log, made at the first use; only its owner can read it."""
    path = log_file.with_name(log_file.name + ".webhooks-key")
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        with tempfile.NamedTemporaryFile("w", dir=path.parent, prefix=path.name) as made:
            made.write(new_key() + "\n")
            made.flush()
            # A link is never seen half written, and of two processes that make a key one wins.
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(made.name)
    return path.read_text().strip()
