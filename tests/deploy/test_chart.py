"""The chart, rendered by Helm itself: what Kubernetes takes, with settings and verbs that octyseg has."""

import tomllib

import helm_python as helm
import kubernetes_validate
import pytest
from ruamel.yaml import YAML

from tests.commands import assert_is_a_command
from tests.deploy.asked import DEPLOY, loaded, yaml_in

CHART = DEPLOY / "chart"
EVERYTHING = {
    "existingSecret": "octyseg-secret",
    "imagePullSecrets": [{"name": "registry"}],
    "settings": {"OCTYSEG_GRACE_MS": "10000"},
    "serviceAccount": {"name": "octyseg"},
    "podAnnotations": {"team": "crm"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"key": "crm", "operator": "Exists"}],
    "affinity": {"podAntiAffinity": {}},
    "history": {"storageClass": "nfs"},
    "api": {"ingress": {"enabled": True, "host": "octyseg.example", "className": "nginx", "tlsSecret": "tls"}},
    "metrics": {
        "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
        "alerts": {"enabled": True, "labels": {"release": "prometheus"}},
        "dashboard": {"enabled": True},
    },
}
OPERATOR = {"PodMonitor", "PrometheusRule"}


@pytest.fixture(scope="module")
def chart():
    with helm.Chart.load(str(CHART)) as chart:
        yield chart


def rendered(chart, values=None):
    files = chart.render(values or {}, name="shop", namespace="prod")
    texts = [text for name, text in files.items() if not name.endswith(".txt")]
    return [one for text in texts for one in YAML(typ="safe").load_all(text) if one is not None]


def by_name(resources):
    return {f"{one['kind']}/{one['metadata']['name']}": one for one in resources}


def pods(resources):
    return [one["spec"]["template"]["spec"] for one in resources if one["kind"] in {"StatefulSet", "Deployment"}]


def settings_of(resources):
    return loaded(by_name(resources)["ConfigMap/shop-octyseg"]["data"])


@pytest.mark.parametrize("version", ["1.27", "1.32", "1.37"])
@pytest.mark.parametrize("values", [{}, EVERYTHING], ids=["nothing said", "everything said"])
def test_kubernetes_takes_what_it_renders(chart, values, version):
    found = rendered(chart, values)
    for one in found:
        if one["kind"] not in OPERATOR:
            kubernetes_validate.validate(one, version, strict=True)
    assert len(by_name(found)) == len(found)
    assert {one["kind"] for one in found} >= ({"Ingress", *OPERATOR} if values else {"StatefulSet", "Deployment"})


def test_helm_has_nothing_against_it():
    found = helm.lint(str(CHART))
    assert found["errors"] == []
    assert [one["error"] for one in found["messages"]] == ["icon is recommended"]


def test_the_settings_are_octysegs(chart):
    found = settings_of(rendered(chart, {"kafka": {"servers": ["a:9092", "b:9092"]}}))
    assert found.kafka_servers == ("a:9092", "b:9092")
    assert found.redis == "redis://valkey:6379/0"
    assert str(found.history_directory) == "/var/lib/octyseg/history"
    assert settings_of(rendered(chart, EVERYTHING)).grace_ms == 10_000


def test_a_login_to_redis_may_come_from_the_secret_alone(chart):
    assert settings_of(rendered(chart, {"redis": {"url": ""}, "existingSecret": "s"})).redis is None


def test_kubernetes_adds_no_settings_of_its_own(chart):
    """It would: for a release named octyseg, OCTYSEG_API_SERVICE_HOST, and octyseg refuses names it does not know."""
    assert [pod["enableServiceLinks"] for pod in pods(rendered(chart))] == [False] * 5


def test_every_container_runs_a_verb_as_nobody_who_could_write_where_it_should_not(chart):
    for pod in pods(rendered(chart, EVERYTHING)):
        (container,) = pod["containers"]
        assert_is_a_command(container["args"])
        assert pod["securityContext"]["runAsNonRoot"]
        assert container["securityContext"]["readOnlyRootFilesystem"]
        assert {"configMapRef": {"name": "shop-octyseg"}} in container["envFrom"]
        assert {"secretRef": {"name": "octyseg-secret"}} in container["envFrom"]
        assert {port["containerPort"] for port in container["ports"]} >= {9464}


def test_a_worker_slot_is_its_pod(chart):
    stateful = [one for one in rendered(chart) if one["kind"] == "StatefulSet"]
    assert {one["spec"]["template"]["spec"]["containers"][0]["args"][1] for one in stateful} == {
        "live",
        "tags",
        "webhooks",
        "past",
    }
    for one in stateful:
        (container,) = one["spec"]["template"]["spec"]["containers"]
        (slot,) = container["env"]
        assert slot["name"] == "OCTYSEG_INSTANCE_ID"
        assert slot["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.name"}}


def test_history_is_kept_and_seen_by_those_who_need_it(chart):
    def seen_by(values):
        found = rendered(chart, values)
        mounting = [pod for pod in pods(found) if "history" in {volume["name"] for volume in pod["volumes"]}]
        return sorted(pod["containers"][0]["args"][-1] for pod in mounting), by_name(found)

    names, found = seen_by({})
    assert names == ["8080", "past"]
    claim = found["PersistentVolumeClaim/shop-octyseg-history"]
    assert claim["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    names, found = seen_by({"api": {"seesHistory": False}, "history": {"existingClaim": "archive"}})
    assert names == ["past"]
    assert "PersistentVolumeClaim/shop-octyseg-history" not in found


def test_alerts_and_dashboard_are_those_beside_it(chart):
    found = by_name(rendered(chart, EVERYTHING))
    assert found["PrometheusRule/shop-octyseg"]["spec"] == yaml_in(DEPLOY / "alerts" / "octyseg.yaml")
    drawn = found["ConfigMap/shop-octyseg-dashboard"]["data"]["octyseg.json"]
    assert drawn.strip() == (DEPLOY / "dashboards" / "octyseg.json").read_text().strip()


def test_another_setting_starts_the_pods_again(chart):
    def sums(values):
        found = [one for one in rendered(chart, values) if one["kind"] in {"StatefulSet", "Deployment"}]
        return {one["spec"]["template"]["metadata"]["annotations"]["checksum/settings"] for one in found}

    assert len(sums({}) | sums(EVERYTHING)) == 2


@pytest.mark.parametrize(
    "values",
    [
        {"kafka": {"server": "kafka:9092"}},
        {"kafka": {"servers": ["kafka://kafka:9092"]}},
        {"workers": {"lives": {"replicas": 1}}},
        {"settings": {"GRACE_MS": "1"}},
        {"settings": {"OCTYSEG_GRACE_MS": 1}},
        {"redis": {"url": "valkey:6379"}},
        {"api": {"ingress": {"enabled": True}}},
    ],
)
def test_values_that_mean_nothing_are_refused(chart, values):
    with pytest.raises(helm.HelmError):
        rendered(chart, values)


def test_the_chart_is_of_this_version():
    project = tomllib.loads((DEPLOY.parent / "pyproject.toml").read_text())["project"]
    chart = yaml_in(CHART / "Chart.yaml")
    assert (chart["version"], chart["appVersion"]) == (project["version"], project["version"])
