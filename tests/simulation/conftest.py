"""Simulated workers start and fail thousands of times a second: nobody wants to read what they log."""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def quiet():
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**configured)
