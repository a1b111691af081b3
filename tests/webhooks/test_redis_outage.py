import asyncio
import os
import signal
import time

from octyseg.projection.connection import connect
from octyseg.projection.private import private_valkey
from tests.projection.test_private_valkey import valkey_of
from tests.webhooks.desk import Desk, change
from tests.webhooks.receivers import Receiver, status


async def test_a_redis_killed_and_back_without_its_content_loses_no_delivery(tmp_path, monkeypatch):
    monkeypatch.setattr("octyseg.stages.webhooks.LOOK_EVERY_S", 0.2)
    with private_valkey(tmp_path) as url:
        redis = connect(url)
        desk = Desk(redis)
        await desk.prepare()
        async with Receiver(status(204, body=b"")) as well, Receiver(status(500)) as failing:
            await desk.endpoint("well", well.url)
            await desk.endpoint("failing", failing.url)
            await desk.begin()
            for turn in range(3):
                for number in range(20):
                    await desk.publish(change(f"p-{number}", turn))
                    await desk.stage.tick()
                os.kill(valkey_of(url), signal.SIGKILL)
                await desk.publish(*(change(f"q-{number}", turn) for number in range(20)))
            await desk.recorded("succeeded", 120, "well")
            failing._answer = status(204, body=b"")
            begun = time.monotonic()
            while len(await desk.records("succeeded", "failing")) < 120:
                assert time.monotonic() < begun + 60
                desk.now_ms += 1_000
                await desk.stage.tick()
                await asyncio.sleep(0.01)
            await desk.leave()
        await redis.aclose()
    sent = {request.headers["webhook-id"] for request in well.requests}
    assert len(sent) == 120
    assert {request.headers["webhook-id"] for request in failing.requests} == sent
