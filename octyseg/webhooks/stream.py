"""One connection to a receiver, as httpcore wants it: bytes in and out over asyncio, encrypted when asked.

httpcore's own streams go through anyio, which asks the operating system several things for every idle
connection before every post; of these nothing is needed where the loop is known. Time is not bounded here:
the sender bounds the whole exchange, and `start_tls` its handshake.
"""

import asyncio
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import httpcore

# What was written when a connection is closed has this long to leave; a receiver that hangs is cut off then.
LEAVE_S = 1.0
MAX_UNSENT_BYTES = 64 * 1024


class Stream(httpcore.AsyncNetworkStream):
    """Made by `dial`."""

    def __init__(self, reader: "_Reader", writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._unsent = bytearray()

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002, ASYNC109 - httpcore's signature
        """What has come, at least a byte; empty at the end."""
        with _told_as(httpcore.ReadError):
            if self._unsent:
                await self._send()
            return await self._reader.read(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - as above
        """Take the bytes in: head and body of a request leave together, when its answer is asked for."""
        self._unsent += buffer
        if len(self._unsent) >= MAX_UNSENT_BYTES:
            with _told_as(httpcore.WriteError):
                await self._send()

    async def aclose(self) -> None:
        """Close the connection, whatever the receiver does."""
        self._writer.close()
        asyncio.get_running_loop().call_later(LEAVE_S, self._writer.transport.abort)

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - as above
    ) -> Self:
        """Encrypt from here on, with a receiver that proves to have the name."""
        with _told_as(httpcore.ConnectError):
            try:
                await self._writer.start_tls(
                    ssl_context, server_hostname=server_hostname, ssl_handshake_timeout=timeout
                )
            except BaseException:
                self._writer.transport.abort()
                raise
        return self

    async def _send(self) -> None:
        """Hand the bytes over; waits while the receiver takes none."""
        unsent, self._unsent = self._unsent, bytearray()
        self._writer.write(unsent)
        await self._writer.drain()

    def get_extra_info(self, info: str) -> Any:
        """The pool asks whether an idle connection has something to read: then it is over."""
        if info == "is_readable":
            return self._reader.has_something
        return self._writer.get_extra_info(info)


async def dial(address: str, port: int, timeout_s: float) -> Stream:
    """Connect to an address; ConnectError and ConnectTimeout of httpcore when that fails."""
    loop = asyncio.get_running_loop()
    reader = _Reader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    with _told_as(httpcore.ConnectError):
        try:
            async with asyncio.timeout(timeout_s):
                transport, _ = await loop.create_connection(lambda: protocol, address, port)
        except TimeoutError:
            raise httpcore.ConnectTimeout("no address answered in time") from None
    return Stream(reader, asyncio.StreamWriter(transport, protocol, reader, loop))


class _Reader(asyncio.StreamReader):
    """A reader that tells whether bytes or the end have come and were not read."""

    _buffer: bytearray

    @property
    def has_something(self) -> bool:
        return bool(self._buffer) or self.at_eof() or self.exception() is not None


@contextmanager
def _told_as(kind: type[Exception]) -> Iterator[None]:
    """Errors of the connection as httpcore's; ssl.SSLError is one of them."""
    try:
        yield
    except OSError as error:
        raise kind(str(error) or type(error).__name__) from error
