"""Follow the definitions topic: the catalog that every stage judges by.

Read to its end before the first event, polled from then on. A record that is no definition is
logged and left out; its neighbours are in force.
"""

import asyncio
from typing import Protocol

import structlog

from octyseg.engine.catalog import Catalog
from octyseg.log.port import Log, Reader, read_through
from octyseg.model.definitions.registry import Registry

_READ_WAIT_S = 1.0

logger = structlog.get_logger(__name__)


class CatalogSource(Protocol):
    """Where a stage takes its catalog from."""

    @property
    def catalog(self) -> Catalog:
        """The catalog in force; another object after each change."""
        ...

    async def start(self) -> None:
        """Read all there is."""
        ...

    async def poll(self) -> bool:
        """Look for news without waiting; true when the catalog is another one now."""
        ...

    async def catch_up(self) -> bool:
        """Take in all that was appended before this call; true when the catalog is another one now."""
        ...

    async def close(self) -> None:
        """Stop following."""
        ...


class CatalogFollower:
    """The catalog as the definitions topic says it."""

    def __init__(self, log: Log, definitions_topic: str) -> None:
        self._log = log
        self._topic = definitions_topic
        self._records: dict[bytes, bytes] = {}
        self._reader: Reader | None = None
        self._position = 0
        # Several partitions may ask at once, and a reader is one task's.
        self._reading = asyncio.Lock()
        self.registry = Registry.fold([])
        self.catalog = Catalog()

    async def start(self) -> None:
        """Read all definitions there are, then follow."""
        start = (await self._log.starts(self._topic, [0]))[0]
        end = (await self._log.ends(self._topic, [0]))[0]
        async for record in read_through(self._log, self._topic, 0, start, end):
            self._keep(record.key, record.value)
        self._fold()
        self._reader = self._log.reader()
        self._reader.seek(self._topic, 0, end)
        self._position = end

    async def poll(self) -> bool:
        """Take in what was appended since, as far as it has come."""
        async with self._reading:
            news = await self._read(0)
            if news:
                self._fold()
        return news

    async def catch_up(self) -> bool:
        """Take in all that there is now."""
        end = (await self._log.ends(self._topic, [0]))[0]
        news = False
        async with self._reading:
            while self._position < end:
                news = await self._read(_READ_WAIT_S) or news
            if news:
                self._fold()
        return news

    async def _read(self, wait_s: float) -> bool:
        assert self._reader is not None, "start comes first"
        news = False
        for chunk in await self._reader.read(wait_s):
            self._position = chunk.next_offset
            for batch in chunk.batches:
                for record in batch:
                    self._keep(record.key, record.value)
                    news = True
        return news

    async def close(self) -> None:
        """Stop following."""
        if self._reader is not None:
            await self._reader.close()

    def _keep(self, key: bytes | None, value: bytes | None) -> None:
        if key is None:
            logger.warning("a record of the definitions topic has no key and is left out", topic=self._topic)
        elif value is None:
            self._records.pop(key, None)
        else:
            self._records[key] = value

    def _fold(self) -> None:
        self.registry = Registry.fold(self._records.items())
        for problem in self.registry.problems:
            logger.warning("a definition on the topic cannot be read and is left out", problem=problem)
        self.catalog = Catalog(self.registry.engine_segments())
