"""The dashboard is the one the code makes, shows every metric, and asks Prometheus what it understands."""

import json

from deploy.dashboards.__main__ import query_of, text
from deploy.dashboards.rows import ROWS
from tests.deploy.asked import DEPLOY
from tests.deploy.metrics_in import named_in, series

KEPT = DEPLOY / "dashboards" / "octyseg.json"
PANELS = [panel for panels in ROWS.values() for panel in panels]


def test_the_kept_dashboard_is_the_one_the_code_makes():
    assert KEPT.read_text() == text(), "run `make generated`"


def test_every_metric_is_on_it_and_nothing_else():
    known = series()
    named = {name for panel in PANELS for name in named_in(query_of(panel))}
    assert named <= known.keys()
    assert {known[name] for name in named} == set(known.values())


def test_no_two_panels_lie_over_each_other():
    places = [panel["gridPos"] for panel in json.loads(KEPT.read_text())["panels"]]
    cells = [
        (row, column)
        for place in places
        for row in range(place["y"], place["y"] + place["h"])
        for column in range(place["x"], place["x"] + place["w"])
    ]
    assert len(places) == len(PANELS) + len(ROWS)
    assert len(cells) == len(set(cells))
    assert max(column for _, column in cells) < 24


def test_prometheus_understands_every_query(check_with_promtool, tmp_path):
    rules = [
        {"record": f"octyseg:panel_{number}", "expr": query_of(panel).replace("$__rate_interval", "1m")}
        for number, panel in enumerate(PANELS)
    ]
    path = tmp_path / "panels.yaml"
    path.write_text(json.dumps({"groups": [{"name": "panels", "rules": rules}]}))
    check_with_promtool("check", "rules", path)
