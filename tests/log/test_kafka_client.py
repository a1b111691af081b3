"""What the clients of the Kafka adapter have in common, shown with clients that are none."""

import asyncio
from contextlib import suppress

import pytest

from octyseg.log.kafka_client import stopped


class DeafClient:
    """Drops a cancellation that comes while it stops, as aiokafka's consumer does."""

    def __init__(self):
        self.is_stopping = asyncio.Event()
        self.may_stop = asyncio.Event()
        self.is_stopped = False

    async def stop(self):
        self.is_stopping.set()
        with suppress(asyncio.CancelledError):
            await self.may_stop.wait()
        self.is_stopped = True


async def test_a_cancellation_while_a_client_stops_is_heard_once_it_has_stopped():
    client = DeafClient()
    stopping = asyncio.create_task(stopped(client.stop))
    await client.is_stopping.wait()
    stopping.cancel()
    await asyncio.sleep(0)
    client.may_stop.set()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert client.is_stopped
