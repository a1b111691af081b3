"""What the tests over a whole installation are given: a broker and a Redis of their own, and a fleet on them."""

import pytest

from octyseg.projection.private import private_valkey
from tests.kafka.fleet import SEGMENTS, Fleet


@pytest.fixture
def own_redis(tmp_path):
    with private_valkey(tmp_path / "valkey") as url:
        yield url


@pytest.fixture
async def fleet(new_broker, own_redis, tmp_path):
    """Topics made, definitions in force, nobody at work yet."""
    fleet = Fleet(new_broker, own_redis, tmp_path)
    await fleet.prepare(SEGMENTS)
    yield fleet
    await fleet.close()
