"""The way to Redis: a client with patience, one kind of error, and a refusal of servers that forget.

`answering` turns what may pass (no answer, out of memory, loading, read-only) into
ProjectionUnavailable after redis-py's own retries; anything else is our own bug and stays as it is.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Any

from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import NoScriptError, OutOfMemoryError, ReadOnlyError, ResponseError
from redis.exceptions import TimeoutError as NoAnswer

from octyseg.cancellation import is_cancelled
from octyseg.errors import ProjectionUnavailable, SettingsError
from octyseg.projection.private import private_valkey
from octyseg.settings import Settings

CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 10.0
RETRIES = 3

# Answers of a server that is there and cannot serve at the moment, by their first word.
_PASSING = ("OOM", "MISCONF", "NOREPLICAS", "MASTERDOWN", "CLUSTERDOWN", "TRYAGAIN", "UNKILLABLE", "BUSY")


def connect(url: str) -> Redis:
    """A client that connects at its first command. Bytes in, bytes out."""
    return Redis.from_url(
        url,
        protocol=3,
        socket_connect_timeout=CONNECT_TIMEOUT_S,
        socket_timeout=ANSWER_TIMEOUT_S,
        health_check_interval=30,
        retry=Retry(ExponentialWithJitterBackoff(base=0.05, cap=1), RETRIES),
    )


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[Redis]:
    """A client of the Redis of the settings, or of the private Valkey beside the embedded log."""
    with ExitStack() as stack:
        url = settings.redis
        if url is None:
            file = settings.embedded_file
            if file is None:
                msg = "OCTYSEG_REDIS is not set: workers on Kafka share one Redis, e.g. redis://host:6379/0"
                raise SettingsError(msg)
            url = stack.enter_context(private_valkey(file.with_name(file.name + ".valkey")))
        redis = connect(url)
        try:
            yield redis
        finally:
            await redis.aclose()


@contextmanager
def answering() -> Iterator[None]:
    """Around every command: what may pass becomes ProjectionUnavailable.

    A server that was started again between a pipeline's look for its scripts and their call no longer
    knows them: the next attempt loads them.
    """
    try:
        yield
    except (NoConnection, NoAnswer, OutOfMemoryError, ReadOnlyError, NoScriptError) as error:
        # A cancelled call may come back as a broken connection, and who waits for Redis would go on waiting.
        if is_cancelled():
            raise asyncio.CancelledError from error
        msg = f"redis does not serve: {error}"
        raise ProjectionUnavailable(msg) from error
    except ResponseError as error:
        if str(error).partition(" ")[0] not in _PASSING:
            raise
        msg = f"redis does not serve: {error}"
        raise ProjectionUnavailable(msg) from error


async def execute(pipe: Pipeline) -> list[Any]:
    """All answers of a pipeline; its first error is raised as it came, without the command it answers."""
    with answering():
        answers: list[Any] = await pipe.execute(raise_on_error=False)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
    return answers


async def life_of(redis: Redis) -> str:
    """The server's name for its present life: another one after every start."""
    with answering():
        return str((await redis.info("server"))["run_id"])


async def refuse_unfit(redis: Redis) -> None:
    """SettingsError unless the server keeps what it was given, and has all of it.

    INFO also answers where CONFIG is closed.
    """
    with answering():
        info = await redis.info()
    if info.get("cluster_enabled"):
        msg = (
            "redis is a node of a cluster, and what octyseg changes together would lie on several: "
            "give octyseg one server, with replicas if it should outlive it"
        )
        raise SettingsError(msg)
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        msg = (
            f"redis has maxmemory-policy {policy} and would drop profiles without a word: "
            "run `CONFIG SET maxmemory-policy noeviction`, or give octyseg a server of its own"
        )
        raise SettingsError(msg)
