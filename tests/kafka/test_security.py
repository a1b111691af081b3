"""Brokers that ask who is there: every client of ours comes in with what the settings say, and not without."""

import asyncio
import json
import os
import subprocess
import sys
import time

import pytest

from octyseg.errors import SettingsError
from octyseg.hosting.kafka import kafka_log
from octyseg.log.port import NewRecord
from octyseg.model.placement import partition_of
from octyseg.settings import Settings
from tests.kafka.fleet import SEGMENTS
from tests.kafka.secured import GROUPS, PASSWORD, TOPICS, USERNAME, allow, secured_broker

pytestmark = [pytest.mark.kafka, pytest.mark.slow]

OCTYSEG = [sys.executable, "-m", "octyseg"]
PARTITIONS = 2
ANOTHER = "another"
DEADLINE_S = 60


@pytest.fixture(scope="module")
def secured(kafka_broker, tmp_path_factory):
    """Started; `kafka_broker` is asked for because it says what is missing where there is no Java."""
    secured = secured_broker(tmp_path_factory.mktemp("secured") / "files")
    secured.broker.start()
    yield secured
    secured.broker.kill()


def with_password(secured, **more):
    own = {"tls": True, "authorities": secured.authorities, "username": USERNAME, "password": PASSWORD} | more
    return {"log": secured.asks_password, "kafka": own}


def with_certificate(secured, **more):
    own = {"tls": True, "authorities": secured.authorities, "certificate": secured.certificate} | more
    return {"log": secured.asks_certificate, "kafka": own}


def environment(chosen):
    """The same as variables."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("OCTYSEG_")}
    flat = {name: value for name, value in chosen.items() if name != "kafka"}
    flat |= {f"kafka__{name}": value for name, value in chosen["kafka"].items()}
    return outside | {f"OCTYSEG_{name.upper()}": str(value) for name, value in flat.items()}


def live_worker(env, told):
    with told.open("wb") as out:
        return subprocess.Popen([*OCTYSEG, "worker", "live"], env=env, stdout=out, stderr=out)


@pytest.mark.parametrize(
    ("namespace", "chosen"), [("scram.", with_password), ("mutual.", with_certificate), ("allowed.", with_password)]
)
async def test_verbs_and_workers_come_in(secured, tmp_path, namespace, chosen):
    if namespace == "allowed.":
        await allow(secured, USERNAME, namespace)
    chosen = chosen(secured) | {"namespace": namespace, "partitions": PARTITIONS, "min_exp_timeframe": 0.01}
    env = environment(chosen)
    apply = [*OCTYSEG, "apply", "-f", str(SEGMENTS)]
    done = await asyncio.to_thread(subprocess.run, apply, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    settings = Settings(**chosen)
    log = kafka_log(settings)
    await log.start()
    worker = live_worker(env, tmp_path / "worker.out")
    try:
        topic, number = settings.topic("events"), partition_of("ada", PARTITIONS)
        event = {"profile_id": "ada", "event_type": "complaint", "event_properties": {}}
        await log.append(topic, number, [NewRecord(b"ada", json.dumps(event).encode())])
        deadline_s = time.monotonic() + DEADLINE_S
        outcomes = settings.topic("outcomes")
        # The first record is the worker's claim of the partition.
        while (await log.ends(outcomes, [number]))[number] < 2:
            assert worker.poll() is None, (tmp_path / "worker.out").read_text()
            assert time.monotonic() < deadline_s, (tmp_path / "worker.out").read_text()
            await asyncio.sleep(0.05)
        worker.terminate()
        assert await asyncio.to_thread(worker.wait, 15) == 0
    finally:
        worker.kill()
        worker.wait()
        await log.close()


async def test_a_plain_password_does_too(secured):
    log = kafka_log(Settings(**with_password(secured, mechanism="PLAIN")), patience_s=20)
    await log.start()
    assert await log.describe_topics() is not None
    await log.close()


@pytest.mark.parametrize(
    ("chosen", "why"),
    [
        (lambda secured: with_password(secured, password=ANOTHER), "authentication"),
        (lambda secured: with_password(secured, mechanism="PLAIN", password=ANOTHER), "authentication"),
        (lambda secured: with_password(secured, authorities=None), "certificate verify failed"),
        (lambda secured: with_certificate(secured, authorities=secured.stranger), "certificate verify failed"),
    ],
)
async def test_who_is_not_let_in_is_told_why(secured, chosen, why):
    log = kafka_log(Settings(**chosen(secured)), patience_s=20)
    with pytest.raises(SettingsError, match=f"(?i){why}"):
        await log.start()
    await log.close()


async def test_who_may_not_is_told_what(secured):
    await allow(secured, "somebody", "closed.")
    env = environment(with_password(secured) | {"namespace": "closed.", "partitions": PARTITIONS})
    apply = [*OCTYSEG, "apply", "-f", str(SEGMENTS)]
    done = await asyncio.to_thread(subprocess.run, apply, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "closed." in line
    assert "is not allowed to us" in line


@pytest.mark.parametrize(
    ("more", "why"),
    [({"namespace": "half."}, "half.live"), ({"kafka": {"password": ANOTHER}}, "authentication")],
    ids=["no group", "another password"],
)
async def test_a_worker_that_may_not_work_says_so_and_does_not_wait(secured, tmp_path, more, why):
    await allow(secured, USERNAME, "half.", TOPICS)
    await allow(secured, "somebody", "half.", GROUPS)
    chosen = with_password(secured, **more.get("kafka", {})) | {"namespace": more.get("namespace", "octyseg.")}
    told = tmp_path / "worker.out"
    worker = live_worker(environment(chosen | {"partitions": PARTITIONS}), told)
    try:
        assert await asyncio.to_thread(worker.wait, DEADLINE_S) == 2
    finally:
        worker.kill()
        worker.wait()
    last = json.loads(told.read_text().splitlines()[-1])
    assert last["event"] == "worker ends"
    assert why in last["reason"].lower()
