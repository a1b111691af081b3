"""Ids of segments: by chance for an account, from the name where there is no account.

Planning takes the maker of ids as an argument, so that tests and simulations can give their own.
"""

import hashlib
import secrets
from collections.abc import Callable

NewId = Callable[[], str]


def new_segment_id() -> str:
    """A new id by chance; planning asks again when it was used before."""
    return f"segment_{secrets.token_hex(4)}"


def id_of_name(name: str) -> str:
    """The id of a segment outside any account: always the same for a name."""
    return "segment_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()
