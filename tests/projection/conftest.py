import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from octyseg.projection.private import private_valkey


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory):
    with private_valkey(tmp_path_factory.mktemp("valkey")) as url:
        yield url


@pytest.fixture
def redis_sync(valkey_url):
    with Redis.from_url(valkey_url) as client:
        client.config_set("maxmemory", 0)
        client.flushall()
        yield client


@pytest.fixture
async def redis(redis_sync, valkey_url):
    client = AsyncRedis.from_url(valkey_url)
    yield client
    await client.aclose()
