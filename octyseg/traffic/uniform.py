"""Uniform traffic for benchmarks: every profile alike, an exact share of events of the types that matter.

Decides nothing by chance but the profile and the filling, so that two systems measured with the
same seed do the same work.
"""

from collections.abc import Iterator, Sequence
from random import Random

from octyseg.traffic.event import TrafficEvent, profile_name, writer

_OTHER_TYPES = ("page", "product_viewed", "search", "product_added", "scroll", "video_played", "email_opened")
_PARTS_PER_MILLION = 1_000_000


def uniform(
    profiles: int,
    events: int,
    rate_per_s: float,
    seed: int,
    start_ms: int,
    *,
    relevant_types: Sequence[str] = ("login", "charged"),
    relevant_share: float = 0.18,
) -> Iterator[TrafficEvent]:
    """Events at even distances; of any first n of them, n times `relevant_share` rounded down are relevant."""
    random = Random(seed)  # noqa: S311 - a seed must repeat the traffic
    write = writer(seed)
    names = [profile_name(number) for number in range(profiles)]
    fillings = [
        {
            "product_id": f"sku-{random.randrange(10_000):05d}",
            "category": random.choice(("shoes", "coats", "books", "garden", "toys")),
            "price": random.randrange(100, 30_000) / 100,
            "currency": "EUR",
            "cart_id": f"cart_{random.getrandbits(48):012x}",
            "session_id": f"ses_{random.getrandbits(48):012x}",
            "device": random.choice(("mobile", "desktop", "tablet")),
            "url": f"https://shop.example/c/{random.getrandbits(24):06x}",
        }
        for _ in range(1009)
    ]
    share = round(relevant_share * _PARTS_PER_MILLION)
    relevant = others = owed = 0
    for number in range(events):
        owed += share
        if owed >= _PARTS_PER_MILLION:
            owed -= _PARTS_PER_MILLION
            event_type = relevant_types[relevant % len(relevant_types)]
            relevant += 1
        else:
            event_type = _OTHER_TYPES[others % len(_OTHER_TYPES)]
            others += 1
        at_ms = start_ms + int(number * 1000 / rate_per_s)
        yield write(at_ms, names[int(random.random() * profiles)], event_type, fillings[number % len(fillings)])
