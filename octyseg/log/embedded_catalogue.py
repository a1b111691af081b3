"""The topics of a log file, and which slots their partitions have.

Topics are only ever added, so what was read once stays true and only a miss asks the file again.
Used by the writing and the reading thread alike: the tables are replaced whole, never changed.
"""

import sqlite3
from collections.abc import Iterable

from octyseg.errors import UsageError
from octyseg.log.embedded_errors import damaged
from octyseg.log.embedded_rows import Mark, seal, write_mark
from octyseg.log.port import TopicSpec


class Catalogue:
    """What is known of the topics; lives as long as the open log."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._topics: dict[str, tuple[TopicSpec, int]] = {}

    def load(self, connection: sqlite3.Connection) -> None:
        """Read all topics again."""
        topics = {}
        for row in connection.execute("SELECT * FROM topics ORDER BY topic_id"):
            _, name, partitions, compacted, retention_ms, first_slot, crc = row
            if crc != seal(*row[:-1]):
                raise damaged(self._path, f"topic {name!r}", "its entry fails its checksum")
            topics[name] = (TopicSpec(name, partitions, bool(compacted), retention_ms), first_slot)
        self._topics = topics

    def specs(self, connection: sqlite3.Connection) -> list[TopicSpec]:
        """All topics there are now, sorted by name."""
        self.load(connection)
        return sorted(spec for spec, _ in self._topics.values())

    def spec(self, connection: sqlite3.Connection, topic: str) -> TopicSpec:
        """How the topic was made."""
        return self._find(connection, topic)[0]

    def slot(self, connection: sqlite3.Connection, topic: str, partition: int) -> int:
        """The slot of a partition."""
        spec, first_slot = self._find(connection, topic)
        if not 0 <= partition < spec.partitions:
            msg = f"topic {topic} has no partition {partition}, only 0 to {spec.partitions - 1}"
            raise UsageError(msg)
        return first_slot + partition

    def create(self, connection: sqlite3.Connection, specs: Iterable[TopicSpec]) -> list[str]:
        """Add what is missing, inside the caller's transaction; returns the names added."""
        self.load(connection)
        topics = dict(self._topics)
        made = []
        for spec in specs:
            if spec.name in topics:
                known = topics[spec.name][0]
                if known.partitions != spec.partitions:
                    msg = (
                        f"topic {spec.name} has {known.partitions} partitions, not {spec.partitions}: a topic "
                        "keeps the partitions it was made with, set that number or use another prefix or file"
                    )
                    raise UsageError(msg)
                continue
            first_slot = 1 + sum(other.partitions for other, _ in topics.values())
            fields = (len(topics) + 1, spec.name, spec.partitions, int(spec.compacted), spec.retention_ms, first_slot)
            connection.execute("INSERT INTO topics VALUES (?, ?, ?, ?, ?, ?, ?)", (*fields, seal(*fields)))
            for slot in range(first_slot, first_slot + spec.partitions):
                write_mark(connection, Mark(slot))
            topics[spec.name] = (spec, first_slot)
            made.append(spec.name)
        return made

    def _find(self, connection: sqlite3.Connection, topic: str) -> tuple[TopicSpec, int]:
        if topic not in self._topics:
            self.load(connection)
        try:
            return self._topics[topic]
        except KeyError:
            msg = f"there is no topic {topic}: create it first"
            raise UsageError(msg) from None
