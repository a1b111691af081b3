"""Ids: of segments by chance for an account, of what has a name of its own from that name.

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


def id_of_event_type(name: str) -> str:
    """The id of an event type in Octy's shape; the name is the identity."""
    return "custom_event_type_" + hashlib.blake2b(name.encode(), digest_size=4).hexdigest()


def id_of_customer(customer_id: str) -> str:
    """The profile of a customer who was created over HTTP: always the same, so creating it again makes no other."""
    return "profile_" + hashlib.blake2b(customer_id.encode(errors="surrogatepass"), digest_size=10).hexdigest()
