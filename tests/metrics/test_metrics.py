import re
import socket

import httpx
import pytest
from prometheus_client import REGISTRY, Gauge

from octyseg import metrics
from octyseg.errors import UsageError


def named():
    return [value for name, value in vars(metrics).items() if name.isupper() and hasattr(value, "describe")]


def test_every_metric_has_a_name_of_the_house_and_a_meaning():
    families = [family for metric in named() for family in metric.describe()]
    assert len(families) > 15
    assert [family.name for family in families if not re.fullmatch(r"octyseg_[a-z_]+", family.name)] == []
    assert [family.name for family in families if len(family.documentation.split()) < 3] == []


def test_a_process_says_nothing_of_what_it_does_not_do():
    """A gauge without labels says 0 from the start: that Redis is away, in a process that has none."""
    assert [metric for metric in named() if isinstance(metric, Gauge) and not metric._labelnames] == []


def test_what_is_counted_can_be_scraped_until_the_block_ends():
    before = REGISTRY.get_sample_value("octyseg_changes_total", {"kind": "added", "reason": "matched"}) or 0
    metrics.CHANGES.labels("added", "matched").inc()
    with metrics.serving(0) as port:
        text = httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False).text
        assert f'octyseg_changes_total{{kind="added",reason="matched"}} {before + 1}' in text
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/metrics", trust_env=False)


def test_without_a_port_nothing_is_served():
    with metrics.serving(None) as port:
        assert port is None


def test_a_taken_port_is_named():
    with socket.create_server(("0.0.0.0", 0)) as taken:  # noqa: S104 - the server under test binds all addresses
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot serve metrics on port {port}"), metrics.serving(port):
            pytest.fail("served on a taken port")
