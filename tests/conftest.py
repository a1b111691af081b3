"""What every test may ask for: a real Kafka broker, started once for the session; and who runs beside whom."""

import pytest

from deploy.kafka.broker import Broker
from deploy.kafka.jars import missing_tools
from tests.missing import leave_out


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items):
    """Where tests run side by side: those that share the broker in one process, and a file never in two.

    The broker's begin, for they take longest and mostly wait.
    """
    for item in items:
        group = "kafka" if item.get_closest_marker("kafka") else item.location[0]
        item.add_marker(pytest.mark.xdist_group(group))
    result = yield
    items.sort(key=lambda item: item.get_closest_marker("kafka") is None)
    return result


@pytest.fixture(scope="session")
def kafka_broker(tmp_path_factory):
    """A running broker that nobody may stop."""
    _need_java()
    broker = Broker(tmp_path_factory.mktemp("kafka") / "data", short_lived=True)
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def shared_mortal(tmp_path_factory):
    """See mortal_broker."""
    _need_java()
    generous = {"auto.create.topics.enable": "true"}
    broker = Broker(tmp_path_factory.mktemp("mortal") / "data", more=generous, short_lived=True)
    yield broker
    broker.kill()


@pytest.fixture
def mortal_broker(shared_mortal):
    """A running broker that may be killed and started again; topics of other tests are on it.

    It makes topics when it is asked for them, which is Kafka's default and no use to anybody.
    """
    if not shared_mortal.is_running:
        shared_mortal.kill()
        shared_mortal.start()
    return shared_mortal


@pytest.fixture
def new_broker(tmp_path):
    """A running broker of this test's own."""
    _need_java()
    broker = Broker(tmp_path / "kafka", short_lived=True)
    broker.start()
    yield broker
    broker.kill()


def _need_java():
    missing = missing_tools()
    if not missing:
        return
    leave_out(f"no {' and no '.join(missing)} on this machine: NOTHING HERE WAS TESTED AGAINST A REAL KAFKA BROKER")
