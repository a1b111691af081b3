import pytest

from tests.projection.conftest import redis, redis_sync, valkey_url  # noqa: F401 - fixtures of the same servers
from tests.webhooks.desk import Desk


@pytest.fixture
async def desk(redis, redis_sync):  # noqa: F811 - the fixture's name
    """A stage on a log in memory, the time in the test's hands, a real Redis, receivers on real sockets."""
    desk = Desk(redis)
    await desk.prepare()
    yield desk
    await desk.leave()
