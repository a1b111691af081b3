"""Follow the ledger of runs, and write to it: the one place that knows how runs stand on `octyseg.runs`.

Asked by the past stage, the verbs and the API. What a reader sees is the fold of partition 0 up to its
position; a record that cannot be read is logged and left out.
"""

from collections.abc import Sequence

from octyseg import logs
from octyseg.log.port import Appended, Log, NewRecord, Record
from octyseg.log.tail import Tail
from octyseg.model.ledger import Ledger, Run
from octyseg.model.run import LEDGER, LedgerRecord, Order, RunRecord, decode, encode, key_of

_logger = logs.get(__name__)


class LedgerFollower:
    """The ledger of one log, from its start on; `ended` collects the runs that ended since it was last emptied."""

    def __init__(self, log: Log, runs_topic: str) -> None:
        self._log = log
        self._topic = runs_topic
        self._tail = Tail(log, runs_topic, LEDGER, self._take)
        self.ledger = Ledger(0)
        self.ended: list[Run] = []

    async def start(self) -> None:
        """Read all there is, then follow."""
        self.ledger = Ledger(await self._log.partitions(self._topic))
        await self._tail.start()
        self.ended.clear()

    async def catch_up(self) -> None:
        """Take in all that there is now."""
        await self._tail.catch_up()

    async def close(self) -> None:
        """Stop following."""
        await self._tail.close()

    async def write(self, records: Sequence[LedgerRecord]) -> Appended:
        """Append demands or reports."""
        return await self._log.append(self._topic, LEDGER, list(map(_new, records)))

    async def order(self, partition: int, orders: Sequence[Order]) -> None:
        """Append the orders of one slice."""
        await self._log.append(self._topic, partition, list(map(_new, orders)))

    def _take(self, found: Record) -> None:
        record = decode(found.value)
        if record is None:
            _logger.warning("a record of the runs topic cannot be read and is left out", offset=found.offset)
        elif not isinstance(record, Order):
            ended = self.ledger.take(record, found.timestamp)
            if ended is not None:
                self.ended.append(ended)


async def read_ledger(log: Log, runs_topic: str) -> Ledger:
    """All runs as of now."""
    follower = LedgerFollower(log, runs_topic)
    await follower.start()
    await follower.close()
    return follower.ledger


def _new(record: RunRecord) -> NewRecord:
    return NewRecord(key_of(record), encode(record))
