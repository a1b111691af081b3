"""What the tests over a whole installation are given: a broker and a Redis of their own, and a fleet on them."""

import uuid

import pytest

from tests.kafka.faulting import Run
from tests.kafka.fleet import SEGMENTS, Fleet
from tests.kafka.own_valkey import Valkey


@pytest.fixture
def valkey(tmp_path):
    valkey = Valkey(tmp_path / "valkey")
    valkey.start()
    yield valkey
    valkey.kill()


@pytest.fixture
async def new_fleet(valkey, tmp_path):
    """Fleets: topics made, definitions in force, nobody at work yet; all end with the test."""
    fleets = []

    async def new_fleet(broker, *files, **options):
        fleet = Fleet(broker, valkey.url, tmp_path, **options)
        fleets.append(fleet)
        await fleet.prepare(*(files or [SEGMENTS]))
        return fleet

    yield new_fleet
    for fleet in fleets:
        await fleet.close()


@pytest.fixture
async def fleet(new_broker, new_fleet):
    """A fleet on a broker that may be killed."""
    return await new_fleet(new_broker)


@pytest.fixture
async def quiet_fleet(kafka_broker, new_fleet):
    """A fleet of a namespace of its own, on the broker of all."""
    return await new_fleet(kafka_broker, namespace=f"t{uuid.uuid4().hex[:10]}.")


@pytest.fixture
async def run(fleet, capsys):
    """That fleet, to be put under faults."""
    return Run(fleet, capsys)
