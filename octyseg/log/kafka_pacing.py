"""Fetches that follow each other at a pace: the second private hook into aiokafka.

aiokafka asks for more as soon as it may, and a broker answers as soon as it has one record. A stream of a
thousand events a second then comes as hundreds of fetches with a record or two each, and every fetch, and
every partition in it, costs the same whatever it brings.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.protocol.fetch import FetchRequest

_LARGE_BYTES = 64 * 1024


def pace_fetches(
    consumer: AIOKafkaConsumer,
    every_s: float,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Let a consumer ask a broker for records no sooner than `every_s` after the broker's last answer.

    What arrives meanwhile comes with the next answer. A record that arrives when nothing came for so long
    is not held up: the question for it is there already. Nor is reading held up that has a backlog before it,
    which shows in large answers.
    """
    client = consumer._client  # noqa: SLF001 - the hook
    send_now = client.send
    answered_s: dict[int, float] = {}

    async def send_at_a_pace(node: int, request: Any, **options: Any) -> Any:
        if not isinstance(request, FetchRequest):
            return await send_now(node, request, **options)
        early_s = answered_s[node] + every_s - monotonic() if node in answered_s else 0.0
        if early_s > 0:
            await sleep(early_s)
        answer = None
        try:
            answer = await send_now(node, request, **options)
        finally:
            if answer is None or _bytes_in(answer) < _LARGE_BYTES:
                answered_s[node] = monotonic()
        return answer

    client.send = send_at_a_pace


def _bytes_in(answer: Any) -> int:
    """The records of all partitions: what stands last in each one's answer."""
    return sum(len(partition[-1] or b"") for _, partitions in answer.topics for partition in partitions)
