"""The services of compose.yaml: octyseg as it is, with files that are there, watched by Prometheus."""

import re
import subprocess
import sys

import pytest

from tests.commands import assert_is_a_command
from tests.deploy.asked import DEPLOY, loaded, shown, yaml_in

COMPOSE = DEPLOY / "compose" / "compose.yaml"
SERVICES = yaml_in(COMPOSE)["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"] == "octyseg"}


def test_it_is_a_compose_file():
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    ended = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize("service", OURS.values(), ids=list(OURS))
def test_every_service_of_ours_has_settings_and_a_verb_that_there_are(service, tmp_path):
    key = tmp_path / "key"
    key.write_text("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    environment = dict(service["environment"]) | {"OCTYSEG_WEBHOOKS__SECRET_KEY_FILE": str(key)}
    settings = loaded(environment)
    assert settings.kafka_servers == ("kafka:9092",)
    assert settings.metrics_port == 9464
    assert shown(environment)["webhooks.secret_key"]["source"] == f"file {key}"
    assert f"history:{settings.history_directory}" in service["volumes"]
    if service["command"] != ["--help"]:
        assert_is_a_command(service["command"])


def test_all_stages_run_and_each_worker_waits_for_what_it_needs():
    stages = {service["command"][1] for service in OURS.values() if service["command"][0] == "worker"}
    assert stages == {"live", "tags", "webhooks", "past"}
    for service in OURS.values():
        assert service["depends_on"] == {name: {"condition": "service_healthy"} for name in ("kafka", "valkey")}
        # SIGTERM ends a worker within 15 s.
        assert int(service["stop_grace_period"].removesuffix("s")) > 15


def test_redis_drops_nothing_that_it_was_given():
    command = SERVICES["valkey"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


def test_every_file_that_is_mounted_is_there():
    mounted = [volume.split(":")[0] for service in SERVICES.values() for volume in service.get("volumes", ())]
    files = [name for name in mounted if name.startswith(".")]
    assert len(files) == 5
    assert [name for name in files if not (COMPOSE.parent / name).is_file()] == []


def test_foreign_images_are_of_one_version():
    foreign = [service["image"] for service in SERVICES.values() if service["image"] != "octyseg"]
    assert [image for image in foreign if not re.fullmatch(r"[a-z/]+:v?\d+(\.\d+)+(-alpine)?", image)] == []


def test_prometheus_finds_every_process_of_ours():
    (job,) = yaml_in(COMPOSE.parent / "prometheus.yaml")["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert set(found["names"]) == set(OURS) - {"verbs"}
    assert found["port"] == 9464


def test_prometheus_takes_its_configuration(check_with_promtool):
    check_with_promtool("check", "config", "--syntax-only", COMPOSE.parent / "prometheus.yaml")
