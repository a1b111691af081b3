"""The webhooks stage as Kafka's workers run it, in a process of its own."""

import asyncio
import os
import signal
import sys

import pytest

from octyseg.log.kafka import KafkaLog
from octyseg.log.port import NewRecord
from octyseg.log.topics import specs
from octyseg.model.definitions.definition import AccountConfiguration
from octyseg.model.definitions.stored import ACCOUNT_KEY, StoredAccount, encoded
from octyseg.webhooks.sealing import new_key
from tests.webhooks.receivers import Receiver, status
from tests.webhooks.test_kills import PARTITIONS, Shop, id_of, until


@pytest.mark.kafka
async def test_a_killed_worker_on_kafka_goes_on_and_ends_when_told(kafka_broker, valkey_url):
    servers = kafka_broker.server
    environment = os.environ | {
        "OCTYSEG_LOG": f"kafka://{servers}",
        "OCTYSEG_NAMESPACE": "hooks.",
        "OCTYSEG_REDIS": valkey_url,
        "OCTYSEG_INSTANCE_ID": "webhooks-0",
        "OCTYSEG_PARTITIONS": str(PARTITIONS),
        "OCTYSEG_WEBHOOKS__ALLOW_HTTP": "true",
        "OCTYSEG_WEBHOOKS__ALLOW_NETWORKS": '["127.0.0.0/8"]',
        "OCTYSEG_WEBHOOKS__SECRET_KEY": new_key(),
    }
    log = KafkaLog((servers,))
    await log.start()
    await log.create_topics(specs("hooks.", PARTITIONS))
    shop = Shop(log, "hooks.")
    words = [sys.executable, "-m", "octyseg", "worker", "webhooks"]
    async with Receiver(status(204, body=b"")) as receiver:
        stored = StoredAccount(updated_at_ms=1, definition=AccountConfiguration(webhook_url=receiver.url))
        await log.append("hooks.definitions", 0, [NewRecord(ACCOUNT_KEY, encoded(stored))])
        await shop.publish(200)
        worker = await asyncio.create_subprocess_exec(*words, env=environment)
        await until(lambda: len(receiver.requests) > 20, "posts")
        worker.send_signal(signal.SIGKILL)
        await worker.wait()
        await shop.publish(200)
        worker = await asyncio.create_subprocess_exec(*words, env=environment)
        await until(lambda: {id_of(request) for request in receiver.requests} >= set(shop.ids), "every change")
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), 15) == 0
    await log.close()
    assert len(set(shop.ids)) == 400
    assert len(receiver.requests) <= 400 + 100
