"""Between Kafka clients and their broker: answers are lost on the way, connections are cut, half open or slow.

Frames of Kafka's protocol are a length and that many bytes. A request begins with the number of its kind, its
version and a number that the response repeats (https://kafka.apache.org/protocol).
"""

import asyncio
import contextlib
import struct
from collections import Counter

PRODUCE, OFFSET_COMMIT = 0, 8
_REQUEST = struct.Struct(">hhi")
_SLOW_S = 0.2


class Proxy:
    """Listens on `port` for the broker at `server`; loses answers while `losing` says how many of which kind to lose.

    `lost` counts those that the broker had carried out and whose answer never came.
    """

    def __init__(self, port, server, chance):
        self.port = port
        self.losing = Counter()
        self.lost = Counter()
        self._server = server
        self._chance = chance
        self._connections = set()

    async def start(self):
        self._listening = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def close(self):
        self._listening.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._connections.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            host, port = self._server.split(":")
            from_broker, to_broker = await asyncio.open_connection(host, int(port))
            kinds = {}
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._ask(reader, to_broker, kinds))
                    group.create_task(self._answer(from_broker, writer, kinds))
            except* (OSError, asyncio.IncompleteReadError):
                pass
            finally:
                to_broker.close()
        writer.close()

    async def _ask(self, reader, to_broker, kinds):
        while True:
            frame = await _frame(reader)
            kind, _, number = _REQUEST.unpack_from(frame, 4)
            kinds[number] = kind
            to_broker.write(frame)
            await to_broker.drain()

    async def _answer(self, from_broker, writer, kinds):
        while True:
            frame = await _frame(from_broker)
            kind = kinds.pop(struct.unpack_from(">i", frame, 4)[0])
            if self.losing[kind] > 0 and self._chance.random() < 0.2:
                self.losing[kind] -= 1
                self.lost[kind] += 1
                if self._chance.random() < 0.9:
                    raise ConnectionResetError
                await asyncio.Event().wait()  # half open: nothing comes any more, and nobody says so
            if self._chance.random() < 0.01:
                await asyncio.sleep(_SLOW_S)
            writer.write(frame)
            await writer.drain()


async def _frame(reader):
    head = await reader.readexactly(4)
    return head + await reader.readexactly(struct.unpack(">i", head)[0])
