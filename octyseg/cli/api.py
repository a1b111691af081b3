"""`octyseg api`: serve the HTTP API, beside workers on the same log and Redis."""

import asyncio
import socket
from typing import TYPE_CHECKING, Annotated

import typer

from octyseg import logs, metrics
from octyseg.cli.hosting import until_told_to_end
from octyseg.cli.output import tell
from octyseg.cli.session import begin
from octyseg.settings import Settings

if TYPE_CHECKING:
    from redis.asyncio import Redis

    from octyseg.hosting.embedded import Beside
    from octyseg.log.port import Log


def api(
    port: Annotated[
        int | None,
        typer.Option("--port", min=0, max=65535, help="0: any free port.", show_default="OCTYSEG_SERVER__PORT, 8080"),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            help="Address to listen on; beyond loopback nobody is served without keys.",
            show_default="127.0.0.1",
        ),
    ] = None,
) -> None:
    """Serve the HTTP API until told to end. `octyseg keys create` makes keys; /docs has the routes."""
    loaded = begin()
    logs.configure(loaded.log_level, loaded.log_format)
    from octyseg.api.server import listen

    own = loaded.server
    opened = listen(own.host if host is None else host, own.port if port is None else port)
    with opened, metrics.serving(loaded.metrics_port):
        asyncio.run(_serve(loaded, opened))


def beside(loaded: Settings, opened: socket.socket) -> "Beside":
    """The API on a log and a Redis that are open."""

    async def serve_beside(log: "Log", redis: "Redis", stop: asyncio.Event) -> None:
        from octyseg.api.server import serve
        from octyseg.service.access import open_access

        async with open_access(loaded, log, redis) as access:
            await serve(access, opened, stop, _tell)

    return serve_beside


def _tell(url: str) -> None:
    tell(f"the API is at {url}, its routes at {url}/docs, what there is in a browser at {url}/console")


async def _serve(loaded: Settings, opened: socket.socket) -> None:
    from octyseg.hosting.opening import open_log
    from octyseg.projection.connection import open_redis

    stop = until_told_to_end()
    async with open_log(loaded) as log, open_redis(loaded) as redis:
        await beside(loaded, opened)(log, redis, stop)
