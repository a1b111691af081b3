"""Send what merged profiles hand over, and their later records, to the partitions of those they went to.

Called between the outcomes of a chunk and its commit: who dies in between sends it again, and the receiving
side knows a repeat by where it came from.
"""

from collections.abc import Iterable

from octyseg.log.port import Log, NewRecord
from octyseg.model.command import HandedOn, encode, key_of
from octyseg.model.placement import partition_of
from octyseg.stages.crashpoints import Pass


async def send(log: Log, commands_topic: str, commands: Iterable[HandedOn], pass_by: Pass) -> None:
    """Append in order, partition by partition, and wait for the acknowledgements."""
    by_partition: dict[int, list[NewRecord]] = {}
    partitions = await log.partitions(commands_topic)
    for command in commands:
        number = partition_of(command.profile_id, partitions)
        by_partition.setdefault(number, []).append(NewRecord(key_of(command), encode(command)))
    for number, records in by_partition.items():
        await log.append(commands_topic, number, records)
        pass_by("live.sent")
