"""What a stage tells those who run it is not what its tests are about."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def quiet():
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**configured)
