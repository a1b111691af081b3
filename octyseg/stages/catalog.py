"""Follow the definitions topic: the catalog that every stage judges by.

Read to its end before the first event, polled from then on. A record that is no definition is
logged and left out; its neighbours are in force.
"""

from typing import Protocol

import structlog

from octyseg.engine.catalog import Catalog
from octyseg.log.port import Log, Record
from octyseg.log.tail import Tail
from octyseg.model.definitions.registry import Registry

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
    """The catalog as the definitions topic says it. From many tasks of one loop."""

    def __init__(self, log: Log, definitions_topic: str) -> None:
        self._topic = definitions_topic
        self._tail = Tail(log, definitions_topic, 0, self._keep)
        self._records: dict[bytes, bytes] = {}
        self._is_folded = True
        self.registry = Registry.fold([])
        self.catalog = Catalog()

    async def start(self) -> None:
        """Read all definitions there are, then follow."""
        await self._tail.start()
        self._fold()

    async def poll(self) -> bool:
        """Take in what was appended since, as far as it has come."""
        await self._tail.poll()
        return self._fold()

    async def catch_up(self) -> bool:
        """Take in all that there is now."""
        await self._tail.catch_up()
        return self._fold()

    async def close(self) -> None:
        """Stop following."""
        await self._tail.close()

    def _keep(self, record: Record) -> None:
        if record.key is None:
            logger.warning("a record of the definitions topic has no key and is left out", topic=self._topic)
            return
        if record.value is None:
            self._records.pop(record.key, None)
        else:
            self._records[record.key] = record.value
        # Not told by who read it: that call may be broken off before it folds, and the news is the next one's.
        self._is_folded = False

    def _fold(self) -> bool:
        """True when there was something new."""
        if self._is_folded:
            return False
        self._is_folded = True
        self.registry = Registry.fold(self._records.items())
        for problem in self.registry.problems:
            logger.warning("a definition on the topic cannot be read and is left out", problem=problem)
        self.catalog = Catalog(self.registry.engine_segments())
        return True
