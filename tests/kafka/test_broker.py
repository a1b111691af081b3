"""The broker that tests and `make kafka` start."""

from pathlib import Path

import pytest

from deploy.kafka.jars import classes

pytestmark = pytest.mark.kafka


def test_a_broker_loads_its_classes_from_the_archive_that_the_first_one_wrote(kafka_broker):
    def again(archive):
        pytest.fail(f"{archive} is written once")

    assert str(classes(again)) in Path(f"/proc/{kafka_broker.pid}/maps").read_text()
