"""Dead letters: a refused record byte for byte, with headers that say why, where from and what to do."""

from collections.abc import Sequence

from octyseg import metrics
from octyseg.engine.decision import Refused
from octyseg.log.port import Log, NewRecord


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
        letters.append(NewRecord(record.key, record.value, headers))
    await log.append(deadletter_topic, 0, letters)
