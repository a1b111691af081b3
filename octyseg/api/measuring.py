"""Counts requests and their time, by route."""

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from octyseg import metrics

_STRANGE = "none"


class Measuring:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Measure one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun_s, status = time.perf_counter(), 500

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note)
        finally:
            # The route's pattern, never the path: a path has ids in it.
            route = getattr(scope.get("route"), "path", _STRANGE)
            metrics.API_REQUESTS.labels(route, str(status)).inc()
            metrics.API_SECONDS.labels(route).observe(time.perf_counter() - begun_s)
