"""Dead letters: a refused record byte for byte, with headers that say why, where from and what to do.

Producers may compress what would not fit into a record otherwise. Of such a record the beginning is kept, and headers
say how long it was.
"""

from collections.abc import Sequence

from octyseg import metrics
from octyseg.engine.decision import Refused
from octyseg.log.port import Log, NewRecord

# Together well below what the log takes of one record.
MOST_KEY_BYTES, MOST_VALUE_BYTES = 10_000, 900_000


async def send(
    log: Log, deadletter_topic: str, stage: str, source: tuple[str, int], refused: Sequence[Refused]
) -> None:
    """Append refused records of one source (topic, partition) and wait for the acknowledgement."""
    topic, partition = source
    letters = []
    for record, refusal in refused:
        metrics.DEADLETTERS.labels(refusal.reason).inc()
        headers = (
            ("reason", refusal.reason.encode()),
            ("stage", stage.encode()),
            ("topic", topic.encode()),
            ("partition", str(partition).encode()),
            ("offset", str(record.offset).encode()),
            ("error", refusal.message.encode()),
        )
        letters.append(_letter(record.key, record.value, headers))
    await log.append(deadletter_topic, 0, letters)


def _letter(key: bytes | None, value: bytes | None, headers: tuple[tuple[str, bytes], ...]) -> NewRecord:
    if key is not None and len(key) > MOST_KEY_BYTES:
        headers += (("key_bytes", str(len(key)).encode()),)
        key = key[:MOST_KEY_BYTES]
    if value is not None and len(value) > MOST_VALUE_BYTES:
        headers += (("value_bytes", str(len(value)).encode()),)
        value = value[:MOST_VALUE_BYTES]
    return NewRecord(key, value, headers)
