"""One POST to one receiver: the only way out, and the only module with httpx.

httpx's transport is used without its client, so there are no redirects, cookies, proxies or credentials to
switch off. Time and size are bounded: 5 s to connect, 15 s for all of it, 16 KiB of the answer. Whatever
happens becomes an Answer; nothing is raised and nothing is retried here.
"""

import asyncio
import ssl
import time

import httpcore
import httpx
import sniffio

from octyseg.webhooks.answer import Answer, Failure
from octyseg.webhooks.dialling import GuardedBackend, Resolve, SystemResolver
from octyseg.webhooks.guard import REFUSED, Policy, Refused, check_url

CONNECT_TIMEOUT_S = 5.0
TOTAL_TIMEOUT_S = 15.0
MAX_ANSWER_BYTES = 16 * 1024
KEEPALIVE_S = 15.0
# URLs that were let through and taken apart, kept for the next post.
MAX_CHECKED = 1_000
_GONE = 410


class Sender:
    """Posts to receivers; one per process, with connections of its own for each endpoint."""

    def __init__(
        self,
        policy: Policy,
        *,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
        total_timeout_s: float = TOTAL_TIMEOUT_S,
    ) -> None:
        self._policy = policy
        self._backend = GuardedBackend(policy, resolve or SystemResolver())
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._total_timeout_s = total_timeout_s
        self._transports: dict[str, _Transport] = {}
        self._checked: dict[str, httpx.URL] = {}

    async def post(self, endpoint: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        """Post once. `endpoint` names whose connections to use."""
        # httpcore asks at every lock which loop it runs in, so it is told beforehand.
        sniffio.current_async_library_cvar.set("asyncio")
        began_s = time.monotonic()
        answer = await self._post(endpoint, url, headers, body)
        return answer._replace(duration_ms=round((time.monotonic() - began_s) * 1000))

    async def forget(self, endpoint: str) -> None:
        """Close the connections of an endpoint that is gone or disabled."""
        transport = self._transports.pop(endpoint, None)
        if transport is not None:
            await transport.aclose()

    async def close(self) -> None:
        """Close all connections."""
        for endpoint in list(self._transports):
            await self.forget(endpoint)

    async def _post(self, endpoint: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        try:
            target = self._checked.get(url) or self._check(url)
            async with asyncio.timeout(self._total_timeout_s):
                return await self._exchange(endpoint, target, headers, body)
        except (Refused, httpx.InvalidURL):
            return _failed("refused", REFUSED)
        except (TimeoutError, httpx.TimeoutException):
            return _failed("timeout", "the receiver took too long")
        except httpx.ConnectError as error:
            if _is_tls(error):
                return _failed("tls", f"no TLS connection: {error}")
            return _failed("connect", f"no connection: {error}")
        except (httpx.TransportError, httpx.StreamError) as error:
            return _failed("protocol", f"the connection broke or spoke no HTTP: {error}")

    def _check(self, url: str) -> httpx.URL:
        """The URL if the policy lets it through; Refused. What its name stands for is checked at every dialling."""
        check_url(url, self._policy)
        if len(self._checked) >= MAX_CHECKED:
            self._checked.clear()
        target = self._checked[url] = httpx.URL(url)
        return target

    async def _exchange(self, endpoint: str, url: httpx.URL, headers: dict[str, str], body: bytes) -> Answer:
        transport = self._transports.get(endpoint)
        if transport is None:
            transport = self._transports[endpoint] = _Transport(self._backend, self._tls)
        timeouts = {
            "connect": CONNECT_TIMEOUT_S,
            "read": self._total_timeout_s,
            "write": self._total_timeout_s,
            "pool": self._total_timeout_s,
        }
        fixed = {"content-type": "application/json", "accept-encoding": "identity", "user-agent": "octyseg"}
        request = httpx.Request("POST", url, headers=fixed | headers, content=body, extensions={"timeout": timeouts})
        response = await transport.handle_async_request(request)
        try:
            answered = await _first_bytes(response)
        finally:
            await response.aclose()
        return _judged(response, answered)


class _Transport(httpx.AsyncHTTPTransport):
    """httpx's transport on a pool whose connections the guard dials."""

    def __init__(self, backend: GuardedBackend, tls: ssl.SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls, max_connections=None, keepalive_expiry=KEEPALIVE_S, network_backend=backend
        )


async def _first_bytes(response: httpx.Response) -> bytes:
    """As much of the answer as we keep, as it came over the wire; the rest is never read."""
    kept = bytearray()
    async for part in response.aiter_raw():
        kept += part
        if len(kept) >= MAX_ANSWER_BYTES:
            break
    return bytes(kept[:MAX_ANSWER_BYTES])


def _judged(response: httpx.Response, body: bytes) -> Answer:
    status = response.status_code
    retry_after = response.headers.get("retry-after")
    failure: Failure | None = None if response.is_success else "gone" if status == _GONE else "status"
    message = "" if failure is None else f"the receiver answered {status}"
    return Answer(failure, status, message, retry_after, body, 0)


def _failed(failure: Failure, message: str) -> Answer:
    return Answer(failure, None, message, None, b"", 0)


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False
