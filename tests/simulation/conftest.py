"""Simulated workers start and fail thousands of times a second: nobody wants to read what they log.

The histories are short: what is decoded at once has to be right however little it is.
"""

import logging

import pytest
import structlog


@pytest.fixture(autouse=True)
def quiet():
    configured = structlog.get_config()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.configure(**configured)


@pytest.fixture(autouse=True)
def small_lots(monkeypatch):
    monkeypatch.setattr("octyseg.engine.lots.LEAST_LOT", 2)
