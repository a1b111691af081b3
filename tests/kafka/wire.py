"""A wire between brokers that can be cut: what goes in is lost, and nobody is told."""

import asyncio
import contextlib


class Wire:
    """Carries bytes of loopback from a port of its own to another; `is_cut` says for whose port it does not."""

    def __init__(self, port, to_port, is_cut):
        self.port = port
        self._to_port = to_port
        self._is_cut = is_cut
        self._carrying = set()

    async def start(self):
        self._listening = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    def shake(self):
        """Whoever holds on to it has to begin anew."""
        for task in self._carrying:
            task.cancel()

    async def close(self):
        self._listening.close()
        self.shake()
        await asyncio.gather(*self._carrying, return_exceptions=True)

    async def _carry(self, reader, writer):
        task = asyncio.current_task()
        self._carrying.add(task)
        task.add_done_callback(self._carrying.discard)
        _, asking_port = writer.get_extra_info("peername")
        with contextlib.closing(writer), contextlib.suppress(OSError):
            from_there, to_there = await asyncio.open_connection("127.0.0.1", self._to_port)
            with contextlib.closing(to_there):
                ways = [
                    asyncio.ensure_future(self._copy(*way, asking_port))
                    for way in ((reader, to_there), (from_there, writer))
                ]
                try:
                    await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    for way in ways:
                        way.cancel()
                    await asyncio.wait(ways)

    async def _copy(self, reader, writer, asking_port):
        with contextlib.suppress(OSError):
            while data := await reader.read(65_536):
                if not self._is_cut(asking_port):
                    writer.write(data)
                    await writer.drain()
