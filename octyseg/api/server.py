"""Serves the API until told to end: by itself, or beside the stages of `octyseg dev`."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator

import uvicorn

from octyseg import logs
from octyseg.api.app import make_app
from octyseg.errors import UsageError
from octyseg.service.access import Access

# How long requests under way may take when the process ends.
END_WITHIN_S = 10
_POLL_EVERY_S = 0.5

_logger = logs.get(__name__)


def listen(host: str, port: int) -> socket.socket:
    """A socket of this address; UsageError when it cannot be had."""
    try:
        opened = socket.create_server(
            (host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET, backlog=512
        )
    except OSError as error:
        msg = f"cannot serve the API on {host} port {port}: {(error.strerror or str(error)).lower()}; choose --port N"
        raise UsageError(msg) from None
    # asyncio sets it only on sockets that name their protocol; without it every answer waits 40 ms for an ACK.
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return opened


async def serve(
    access: Access, opened: socket.socket, stop: asyncio.Event, on_ready: Callable[[str], None] = lambda _url: None
) -> None:
    """Answer requests until `stop` is set, then end those under way."""
    host, port = opened.getsockname()[:2]
    is_local = ipaddress.ip_address(host).is_loopback
    if not is_local and not (await access.registry()).api_keys():
        _logger.warning("without keys everybody is refused: `octyseg keys create` makes one", host=host)
    config = uvicorn.Config(
        make_app(access, is_local=is_local),
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=END_WITHIN_S,
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[opened]))
    following = asyncio.create_task(_follow(access))
    stopping = asyncio.create_task(stop.wait())
    try:
        # The socket takes connections already; whoever comes waits.
        on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")
        await asyncio.wait([serving, stopping], return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
    finally:
        for task in (following, stopping):
            task.cancel()
        await asyncio.gather(following, stopping, return_exceptions=True)


class _Server(uvicorn.Server):
    """Uvicorn without its signal handlers: who runs it has handlers of his own."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


async def _follow(access: Access) -> None:
    """Keep up with definitions, so that keys and the account's settings are in force soon."""
    while True:
        await asyncio.sleep(_POLL_EVERY_S)
        await access.follower.poll()
