"""Connections to receivers: look the name up, hold every address against the guard, dial one that was held.

The network backend of httpcore under the sender. The name stays in the Host header and in TLS, and is never
looked up a second time, so an answer that changes between check and use changes nothing.
"""

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore

from octyseg.webhooks.guard import Policy, Refused, check_addresses
from octyseg.webhooks.stream import dial

Resolve = Callable[[str, int], Awaitable[list[str]]]
# Look-ups that hang hold a thread each; they must not be those that others of the process wait for.
RESOLVER_THREADS = 32


class SystemResolver:
    """The resolver of the machine, one look-up of a name at a time: a name that hangs costs one thread."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(RESOLVER_THREADS, thread_name_prefix="webhooks-resolver")
        self._looking: dict[tuple[str, int], asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str, port: int) -> list[str]:
        """Every address of the name; OSError when it has none."""
        place = (host, port)
        looking = self._looking.get(place)
        if looking is None:
            looking = asyncio.get_running_loop().run_in_executor(self._threads, _look_up, host, port)
            self._looking[place] = looking
            looking.add_done_callback(lambda _: self._looking.pop(place, None))
        # Who waits may give up without ending it for the others.
        return await asyncio.shield(looking)


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(answer[4][0]) for answer in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Dials only what the policy lets it; Refused leaves through httpcore as it is."""

    def __init__(self, policy: Policy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature is httpcore's own
        local_address: str | None = None,  # noqa: ARG002 - as above
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,  # noqa: ARG002 - as above
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first checked address that answers, all within `timeout` seconds."""
        assert timeout is not None, "the sender sets a time for connecting"
        ends_s = time.monotonic() + timeout
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolve(host, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name was not found in time") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(f"the name was not found: {error}") from error
        check_addresses(addresses, self._policy)
        failure: Exception = Refused("no address")
        for address in addresses:
            left_s = ends_s - time.monotonic()
            if left_s <= 0:
                raise httpcore.ConnectTimeout("no address answered in time")
            try:
                return await dial(address, port, left_s)
            except httpcore.ConnectError as error:
                failure = error
        raise failure
