"""Follow the ledger of runs, and write to it: the one place that knows how runs stand on `octyseg.runs`.

Asked by the past stage, the verbs and the API. What a reader sees is the fold of partition 0 up to its
position; a record that cannot be read is logged and left out.
"""

from collections.abc import Sequence

from octyseg import logs
from octyseg.log.port import Appended, Log, NewRecord, Reader, read_through
from octyseg.model.ledger import Ledger, Run
from octyseg.model.run import LEDGER, LedgerRecord, Order, RunRecord, decode, encode, key_of

_READ_WAIT_S = 1.0

_logger = logs.get(__name__)


class LedgerFollower:
    """The ledger of one log, from its start on; `ended` collects the runs that ended since it was last emptied."""

    def __init__(self, log: Log, runs_topic: str) -> None:
        self._log = log
        self._topic = runs_topic
        self._reader: Reader | None = None
        self._position = 0
        self.ledger = Ledger(0)
        self.ended: list[Run] = []

    async def start(self) -> None:
        """Read all there is, then follow."""
        self.ledger = Ledger(await self._log.partitions(self._topic))
        start = (await self._log.starts(self._topic, [LEDGER]))[LEDGER]
        end = (await self._log.ends(self._topic, [LEDGER]))[LEDGER]
        async for record in read_through(self._log, self._topic, LEDGER, start, end):
            self._take(record.value, record.timestamp, record.offset)
        self.ended.clear()
        self._reader = self._log.reader()
        self._reader.seek(self._topic, LEDGER, end)
        self._position = end

    async def poll(self) -> None:
        """Take in what was appended since, as far as it has come."""
        await self._read(0)

    async def catch_up(self) -> None:
        """Take in all that there is now."""
        end = (await self._log.ends(self._topic, [LEDGER]))[LEDGER]
        while self._position < end:
            await self._read(_READ_WAIT_S)

    async def write(self, records: Sequence[LedgerRecord]) -> Appended:
        """Append demands or reports."""
        return await self._log.append(self._topic, LEDGER, list(map(_new, records)))

    async def order(self, partition: int, orders: Sequence[Order]) -> None:
        """Append the orders of one slice."""
        await self._log.append(self._topic, partition, list(map(_new, orders)))

    async def close(self) -> None:
        """Stop following."""
        if self._reader is not None:
            await self._reader.close()
            self._reader = None

    async def _read(self, wait_s: float) -> None:
        assert self._reader is not None, "start comes first"
        for chunk in await self._reader.read(wait_s):
            for batch in chunk.batches:
                for record in batch:
                    if record.offset >= self._position:
                        self._take(record.value, record.timestamp, record.offset)
            self._position = chunk.next_offset

    def _take(self, value: bytes | None, arrived_ms: int, offset: int) -> None:
        record = decode(value)
        if record is None:
            _logger.warning("a record of the runs topic cannot be read and is left out", offset=offset)
        elif not isinstance(record, Order):
            ended = self.ledger.take(record, arrived_ms)
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
