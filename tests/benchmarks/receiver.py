"""A receiver that does nothing but answer 204, in a process of its own: `python -m tests.benchmarks.receiver`.

Prints its port, then serves until killed. For each message it notes when it came, and answers a GET with
these times, so that the sender's process can hold them against its own.
"""

import asyncio
import json
import re
import sys
import time

_HEAD = re.compile(rb"content-length: (\d+)|webhook-id: (\S+)", re.IGNORECASE)
_arrived: dict[str, float] = {}


class Receiver(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._bytes = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        self._bytes += data
        while (end := self._bytes.find(b"\r\n\r\n")) >= 0:
            length, message = 0, ""
            for match in _HEAD.finditer(self._bytes, 0, end):
                length = int(match[1]) if match[1] else length
                message = match[2].decode() if match[2] else message
            if len(self._bytes) < end + 4 + length:
                return
            is_question = self._bytes.startswith(b"GET")
            self._bytes = self._bytes[end + 4 + length :]
            if is_question:
                body = json.dumps(_arrived).encode()
                self._transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
            else:
                _arrived.setdefault(message, time.time())
                self._transport.write(b"HTTP/1.1 204 No Content\r\n\r\n")


async def main() -> None:
    """Serve on a free port."""
    server = await asyncio.get_running_loop().create_server(Receiver, "127.0.0.1", 0, backlog=200)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
