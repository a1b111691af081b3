"""The alerts fire when they should and not when they should not, and say what to do."""

import pytest

from tests.deploy.asked import DEPLOY, yaml_in
from tests.deploy.metrics_in import named_in, series

RULES = DEPLOY / "alerts" / "octyseg.yaml"
TRIED = DEPLOY / "alerts" / "octyseg.test.yaml"
ALERTS = yaml_in(RULES)["groups"][0]["rules"]


def test_prometheus_takes_the_rules(check_with_promtool):
    check_with_promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)


def test_every_alert_fires_when_it_should_and_not_otherwise(check_with_promtool):
    check_with_promtool("test", "rules", TRIED)


def test_no_alert_goes_untried():
    tried = {
        one["alertname"]
        for test in yaml_in(TRIED)["tests"]
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }  # fmt: skip
    assert tried == {alert["alert"] for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_what_there_is_and_says_what_to_do(alert):
    assert named_in(alert["expr"]) <= series().keys()
    assert named_in(alert["expr"])
    assert alert["labels"]["severity"] in {"page", "ticket"}
    assert set(alert["annotations"]) == {"summary", "action"}
