"""What every client of the Kafka adapter shares: where the brokers are, how long to wait, what errors mean.

A broker that is away for a while is waited for, up to a limit; only then LogUnavailable is raised,
with what was being done. Nothing here knows of records or topics.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

from aiokafka.conn import create_conn
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    CorruptRecordException,
    GroupAuthorizationFailedError,
    KafkaError,
    KafkaTimeoutError,
    SaslAuthenticationFailed,
    TopicAuthorizationFailedError,
    UnknownError,
    UnsupportedSaslMechanismError,
)

from octyseg import logs
from octyseg.errors import LogDamaged, LogUnavailable, SettingsError
from octyseg.log.kafka_security import Security
from octyseg.retries import retried

_UNANSWERED = (KafkaError, TimeoutError, OSError)
# Waiting does not help against these.
_FORBIDDEN = (ClusterAuthorizationFailedError, GroupAuthorizationFailedError, TopicAuthorizationFailedError)
# A leader that is cut off from the other brokers refuses what is written and has nothing to read, and says neither that
# it leads no more. After so long another broker is asked; aiokafka's own five minutes are longer than our patience.
LEADERS_KNOWN_FOR_MS = 10_000
_WAIT_INITIAL_S = 0.05
_WAIT_MAX_S = 1.0

_logger = logs.get(__name__)

T = TypeVar("T")


class Connection(NamedTuple):
    """How to reach the brokers. `request_timeout_s` bounds one question, `patience_s` all attempts at one call."""

    servers: Sequence[str]
    security: Security
    client_id: str
    request_timeout_s: float
    patience_s: float

    def options(self) -> dict[str, Any]:
        """The arguments that every aiokafka client takes."""
        return {
            "bootstrap_servers": list(self.servers),
            "metadata_max_age_ms": LEADERS_KNOWN_FOR_MS,
            **self._options_of_one(),
        }

    def _options_of_one(self) -> dict[str, Any]:
        """The arguments that a connection to one broker takes."""
        return {
            "client_id": self.client_id,
            "request_timeout_ms": int(self.request_timeout_s * 1000),
            **self.security.options(),
        }

    async def started(self, make: Callable[[], Any], stop: str = "stop") -> Any:
        """A started client of the kind that `make` makes; `stop` is the name of its closing method.

        A broker that does not answer is waited for, one that does not let us in is not: SettingsError.
        """
        is_told = False

        async def connect() -> Any:
            nonlocal is_told
            client = make()
            try:
                await client.start()
            except BaseException as error:
                if not is_told and not isinstance(error, asyncio.CancelledError):
                    _logger.info("kafka does not answer, waiting", servers=",".join(self.servers))
                    is_told = True
                await stopped(getattr(client, stop))
                await self._ask_why()
                raise
            return client

        return await self.ask("connecting", connect)

    async def ask(self, doing: str, question: Callable[[], Awaitable[T]]) -> T:
        """What a question is answered, asked again while its errors may pass, for as long as `answering` bears."""
        async with self.answering(doing):
            return await retried_while_away(question)

    async def _ask_why(self) -> None:
        """SettingsError when a broker refuses us: aiokafka only says that it could not come to any."""
        for server in self.servers:
            host, _, port = server.rpartition(":")
            try:
                connection = await create_conn(host, int(port), **self._options_of_one())
            except (ssl.SSLError, SaslAuthenticationFailed, UnsupportedSaslMechanismError) as error:
                # aiokafka closes the connection, which takes a turn of the loop; this process may end before.
                await asyncio.sleep(0)
                why = str(error) or type(error).__name__
                msg = f"kafka {server} and we cannot come together: {why}: look at OCTYSEG_KAFKA__… (config show)"
                raise SettingsError(msg) from error
            except (KafkaError, OSError):
                continue
            connection.close()

    def answering(self, doing: str) -> "_Answering":
        """Bound what is inside to `patience_s` and raise the port's errors instead of aiokafka's."""
        return _Answering(self, doing)


class _Answering:
    """What `Connection.answering` enters. A class, because appends do a thousand times a second."""

    __slots__ = ("_connection", "_doing", "_patience")

    def __init__(self, connection: Connection, doing: str) -> None:
        self._connection = connection
        self._doing = doing
        self._patience = asyncio.timeout(connection.patience_s)

    async def __aenter__(self) -> None:
        await self._patience.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._patience.__aexit__(kind, error, trace)
        except TimeoutError:
            error = TimeoutError(f"no answer within {self._connection.patience_s:g} s")
        if isinstance(error, _UNANSWERED):
            raise _translation(error, f"{self._doing} at kafka {','.join(self._connection.servers)}") from error


async def retried_while_away(question: Callable[[], Awaitable[T]]) -> T:
    """Ask again without end while the errors may pass; bound it with `Connection.answering`."""
    return await retried(question, _may_pass, wait_initial_s=_WAIT_INITIAL_S, wait_max_s=_WAIT_MAX_S)


async def stopped(stop: Callable[[], Awaitable[None]]) -> None:
    """Stop a client. A cancellation that comes meanwhile is heard afterwards: aiokafka itself drops it."""
    stopping = asyncio.ensure_future(stop())
    try:
        await asyncio.shield(stopping)
    finally:
        await asyncio.wait([stopping])


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the port's errors instead of aiokafka's."""
    try:
        yield
    except _UNANSWERED as error:
        raise _translation(error, doing) from error


def _translation(error: BaseException, doing: str) -> LogDamaged | LogUnavailable | SettingsError:
    if isinstance(error, CorruptRecordException):
        return LogDamaged(f"{doing}: {error}; stop and look at the broker's disk, nothing was committed")
    why = str(error) or type(error).__name__
    if isinstance(error, _FORBIDDEN):
        return SettingsError(
            f"{doing} is not allowed to us: {why}: have the brokers allow it, or log in as another user"
        )
    return LogUnavailable(
        f"{doing} did not succeed: {why}: start the brokers, or see whether they can be reached from here"
    )


def _may_pass(error: Exception) -> bool:
    # aiokafka maps every code it does not know to UnknownError, and takes that for final as it does a
    # question for offsets that nobody answered in time.
    if isinstance(error, KafkaError):
        return error.retriable or isinstance(error, UnknownError | KafkaTimeoutError)
    return isinstance(error, OSError)
