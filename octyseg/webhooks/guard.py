"""Which addresses a webhook may call: public ones, and networks that a setting allows.

Asked twice at every attempt: with the URL before a name is looked up, with the addresses after it and
before anything is dialled. Pure. Why a request was refused is told to nobody but the log: every refusal
has one text, so that an endpoint cannot be used to learn what there is in our network.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple
from urllib.parse import urlsplit

REFUSED = "the address is not one that webhooks may call"
MAX_URL_LENGTH = 2048

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

# Written out, because `is_global` of the standard library differs between versions of Python.
_CLOSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "168.63.129.16/32",  # the host of Azure's machines, in public space
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
# Everything else of IPv6 is not routed on the internet: loopback, v4-mapped, NAT64, ULA, link-local, multicast.
_OPEN_V6 = IPv6Network("2000::/3")
_CLOSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # Teredo, benchmarking, ORCHID
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address of any kind
        "3fff::/20",
    )
)
_LABEL = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_NUMERIC = re.compile(r"0[xX][0-9a-fA-F]*|[0-9]+")


class Policy(NamedTuple):
    """What settings allow beyond https to public addresses."""

    allow_http: bool = False
    allow_networks: tuple[Network, ...] = ()


class Refused(Exception):
    """The request must not be sent."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(REFUSED)


def check_url(url: str, policy: Policy) -> None:
    """Refused unless the URL is http(s), as the policy wants it, with a plain host and nothing hidden in it."""
    if len(url) > MAX_URL_LENGTH or not url.isascii() or re.search(r"[\x00-\x20\x7f\\]", url):
        raise Refused("characters or length")
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError as error:
        raise Refused(str(error)) from None
    if parts.scheme != "https" and not (parts.scheme == "http" and policy.allow_http):
        raise Refused("scheme")
    if "@" in parts.netloc:
        raise Refused("credentials")
    if not host or port == 0:
        raise Refused("no host")
    if "[" in parts.netloc:
        _literal(host, policy)
    else:
        _host(host, policy)


def check_addresses(addresses: Sequence[str], policy: Policy) -> None:
    """Refused unless there is an address and every one of them may be called."""
    if not addresses:
        raise Refused("no address")
    for text in addresses:
        _literal(text, policy)


def may_call(address: Address, policy: Policy) -> bool:
    """Whether the address is public or in an allowed network, as it is written: nothing is unwrapped."""
    if any(address in network for network in policy.allow_networks if network.version == address.version):
        return True
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _CLOSED_V4)
    return address.scope_id is None and address in _OPEN_V6 and not any(address in network for network in _CLOSED_V6)


def networks(texts: Sequence[str]) -> tuple[Network, ...]:
    """The networks a setting lists; ValueError for what is none."""
    return tuple(ip_network(text) for text in texts)


def _host(host: str, policy: Policy) -> None:
    labels = host.removesuffix(".").split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        # Resolvers read 127.1, 0177.0.0.1, 2130706433 and 0x7f000001 as addresses; only the usual form is one here.
        _literal(host, policy)
    elif len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 - the DNS's limit
        raise Refused("name")
    elif labels[-1] == "localhost" and not policy.allow_networks:
        raise Refused("localhost")


def _literal(text: str, policy: Policy) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        raise Refused("address") from None
    if not may_call(address, policy):
        raise Refused(f"{address} is not public")
