"""Histories here are short: what is decoded at once has to be right however little it is."""

import pytest


@pytest.fixture(autouse=True)
def small_lots(monkeypatch):
    monkeypatch.setattr("octyseg.engine.lots.LEAST_LOT", 2)
