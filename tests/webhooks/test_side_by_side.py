"""Ten kinds of receivers side by side, on real sockets and in real time: a bad one hurts only itself."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections import Counter

import pytest

from tests.webhooks.desk import change
from tests.webhooks.receivers import Receiver, status

CHANGES = int(os.environ.get("OCTYSEG_SIDE_BY_SIDE_CHANGES", "300"))
RATE_PER_S = int(os.environ.get("OCTYSEG_SIDE_BY_SIDE_RATE", "50"))


class Watch:
    """When each change was published, and when the healthy receiver had it."""

    def __init__(self):
        self.published, self.received = {}, {}

    async def answer(self, request, writer):
        self.received.setdefault(request.headers["webhook-id"], time.monotonic())
        await status(204, body=b"")(request, writer)

    def p99_ms(self, ids):
        waits = sorted(self.received[one] - self.published[one] for one in ids)
        return 1000 * waits[int(len(waits) * 0.99)]


async def publish(desk, watch, prefix):
    """Changes at an even pace; their ids once the healthy receiver has all of them."""
    ids = []
    begun = time.monotonic()
    for number in range(CHANGES):
        desk.now_ms = int(time.time() * 1000)
        one = change(f"{prefix}-{number}", 1)
        ids.append(one.change_id)
        watch.published[one.change_id] = time.monotonic()
        await desk.publish(one)
        while time.monotonic() < begun + (number + 1) / RATE_PER_S:
            desk.now_ms = int(time.time() * 1000)
            await desk.stage.tick()
            await asyncio.sleep(0.005)
    await desk.until(lambda: watch.received.keys() >= set(ids), "the healthy receiver has everything")
    return ids


@pytest.fixture
def bad(tmp_path):
    """The addresses of nine bad receivers, by the failure they cause."""
    words = [sys.executable, "-m", "tests.webhooks.bad_receivers", str(tmp_path)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        yield json.loads(process.stdout.readline())
        process.kill()


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_a_healthy_receiver_gets_everything_beside_nine_bad_ones(desk, bad):
    watch = Watch()
    desk.follows_the_wall, desk.total_timeout_s = True, 2.0
    async with Receiver(watch.answer) as healthy:
        await desk.endpoint("healthy", healthy.url)
        await desk.begin()
        alone = await publish(desk, watch, "alone")
        for name, url in bad.items():
            await desk.endpoint(name, url)
        await desk.until(lambda: len(desk.stage._outboxes.endpoints) == 10)
        beside = await publish(desk, watch, "beside")
        await desk.recorded("succeeded", 2 * CHANGES, "healthy")
        await desk.recorded("succeeded", CHANGES, "large")
        await desk.recorded("retrying", 10, "timeout-drip")
        ended = Counter((one.endpoint, one.status, one.failure) for one in await desk.records())
    for name in bad.keys() - {"large"}:
        failures = {failure for of, _, failure in ended if of == name} - {None}
        assert failures == {name.partition("-")[0]}
        assert not ended[name, "succeeded", None]
    assert ended["gone-410", "disabled", "gone"] >= 1
    assert ended["gone-410", "disabled", None] + ended["gone-410", "disabled", "gone"] == CHANGES
    assert ended["healthy", "succeeded", None] == 2 * CHANGES
    assert len(healthy.requests) == 2 * CHANGES
    figures = f"healthy p99: {watch.p99_ms(alone):.1f} ms alone, {watch.p99_ms(beside):.1f} ms beside nine bad ones"
    print(f"{CHANGES} changes, {figures}; {dict(ended)}")  # noqa: T201 - the figures are the report
