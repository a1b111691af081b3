import json
import os
import signal
import socket
import subprocess

import pytest

from tests.cli.test_dev import DEADLINE_S, MAIN, dev, now, until  # noqa: F401 - the fixture of a running dev

pytestmark = pytest.mark.slow

ENDPOINTS = """
kind: webhookEndpoints
endpoints:
  - name: crm
    url: http://127.0.0.1:%d/hooks
"""


@pytest.fixture(autouse=True)
def local_receivers(monkeypatch):
    monkeypatch.setenv("OCTYSEG_WEBHOOKS__ALLOW_HTTP", "true")
    monkeypatch.setenv("OCTYSEG_WEBHOOKS__ALLOW_NETWORKS", '["127.0.0.0/8"]')


class Listener:
    def __init__(self, *words):
        self.process = subprocess.Popen(
            [*MAIN, "webhooks", "listen", *(() if "--port" in words else ("--port", "0")), *words],
            env=os.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.port = int(self.process.stderr.readline().split("127.0.0.1:")[1].split("/")[0])

    def next(self):
        return json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def apply(octyseg, tmp_path, port):
    file = tmp_path / "hooks.yaml"
    file.write_text(ENDPOINTS % port)
    assert octyseg("apply", "-f", file).code == 0


def test_a_secret_is_printed_alone_and_a_test_message_is_verified_with_it(octyseg, tmp_path):
    apply(octyseg, tmp_path, 9)
    code, out, _ = octyseg("webhooks", "secret", "crm")
    secret = out.strip()
    assert (code, secret.startswith("whsec_"), out.count("\n")) == (0, True, 1)
    with Listener("--secret", secret) as listener:
        apply(octyseg, tmp_path, listener.port)
        code, _, err = octyseg("webhooks", "test", "crm")
        assert (code, "crm: 204 taken" in err) == (0, True)
        told = listener.next()
        assert (told["verified"], told["body"]["type"]) == (True, "webhook.test")
        # The secret that was printed still signs beside its successor.
        rotated = octyseg("webhooks", "rotate-secret", "crm").out.strip()
        assert rotated != secret
        assert octyseg("webhooks", "test", "crm").code == 0
        assert listener.next()["verified"]
        octyseg("webhooks", "secret", "crm")
        assert octyseg("webhooks", "test", "crm").code == 1
        assert not listener.next()["verified"]


def test_no_secret_stands_on_the_log_in_the_clear(octyseg, tmp_path):
    apply(octyseg, tmp_path, 9)
    secret = octyseg("webhooks", "secret", "crm").out.strip()
    assert secret.removeprefix("whsec_").encode() not in (tmp_path / "o.db").read_bytes()
    assert secret not in octyseg("tail", "definitions", "--from-start").out


def test_endpoints_are_listed_and_switched(octyseg, tmp_path):
    apply(octyseg, tmp_path, 9)
    octyseg("webhooks", "disable", "crm")
    (listed,) = json.loads(octyseg("webhooks", "list", "-o", "json").out)
    assert (listed["endpoint"], listed["enabled"], listed["why_disabled"]) == ("crm", False, "by hand")
    octyseg("webhooks", "enable", "crm")
    assert json.loads(octyseg("webhooks", "list", "-o", "json").out)[0]["enabled"]


def test_what_is_asked_wrongly_is_said(octyseg, tmp_path):
    apply(octyseg, tmp_path, 9)
    assert "there is no endpoint shop: there is crm" in octyseg("webhooks", "disable", "shop").err
    assert octyseg("webhooks", "replay").code == 2
    assert octyseg("webhooks", "replay", "--since", "yesterday").code == 2
    assert "octyseg webhooks attempts" in octyseg("webhooks", "show", "chg_1").err
    assert "no secret yet" in octyseg("webhooks", "test", "crm").err
    assert octyseg("webhooks", "listen", "--secret", "whsec_a").code == 2


def test_a_change_arrives_verified_and_one_that_was_given_up_is_replayed(octyseg, segments_file, tmp_path, dev):  # noqa: F811
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    octyseg("apply", "-f", segments_file)
    apply(octyseg, tmp_path, port)
    secret = octyseg("webhooks", "secret", "crm").out.strip()
    events = tmp_path / "events.jsonl"
    events.write_text(now() + "\n")
    with Listener("--secret", secret, "--port", str(port)) as listener:

        def succeeded():
            octyseg("produce", events)
            return json.loads(octyseg("webhooks", "attempts", "--status", "succeeded", "-o", "json").out)

        record = until(succeeded)[0]
        shown = json.loads(octyseg("webhooks", "show", record["change_id"], "-o", "json").out)
        assert [one["status"] for one in shown] == ["scheduled", "succeeded"]
        of_profile = ("webhooks", "attempts", "--profile", record["profile_id"], "-o", "json")
        assert record in json.loads(octyseg(*of_profile).out)
        assert octyseg("webhooks", "show", record["change_id"], "--profile", "nobody").code == 1
        octyseg("webhooks", "replay", "--id", record["change_id"])
        arrived = [listener.next()]
        while len([one for one in arrived if one["webhook_id"] == record["change_id"]]) < 2:
            arrived.append(listener.next())
        # What went out before the worker heard of the printed secret is signed with the one before it.
        assert arrived[-1]["verified"]
        assert arrived[-1]["body"]["data"]["segment_tag"] == "Buyer"
    dev.send_signal(signal.SIGTERM)
    assert dev.wait(DEADLINE_S) == 0
