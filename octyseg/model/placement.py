"""Where a profile's records stand: in the partition that Kafka's Java clients choose for its id as key.

One partition of `events`, `commands`, `outcomes` and `state` has all there is of a profile, so that it has one
writer. Not every client chooses alike, and what one of them puts elsewhere would have a second writer there.
"""

from collections.abc import Iterable
from itertools import repeat
from typing import NamedTuple

from murmurhash2 import murmurhash2

from octyseg.model.refusal import Refusal

# Of org.apache.kafka.common.utils.Utils.murmur2 and toPositive.
_SEED = 0x9747B28C
_POSITIVE = 0x7FFFFFFF


def partition_of(profile_id: str, partitions: int) -> int:
    """The partition of a profile among so many."""
    return (murmurhash2(profile_id.encode(), _SEED) & _POSITIVE) % partitions


class Place(NamedTuple):
    """Partition `number` of `partitions`."""

    number: int
    partitions: int

    def has_all(self, keys: Iterable[bytes]) -> bool:
        """Whether records with these keys stand here; at least one."""
        partitions = self.partitions
        return {(one & _POSITIVE) % partitions for one in map(murmurhash2, keys, repeat(_SEED))} == {self.number}

    def refusal(self, key: bytes) -> Refusal | None:
        """What is wrong with a record of this key here, if it belongs elsewhere."""
        own = (murmurhash2(key, _SEED) & _POSITIVE) % self.partitions
        if own == self.number:
            return None
        return Refusal(
            "misplaced",
            f"the record stands in partition {self.number} and its key belongs into {own} of {self.partitions}: "
            "let the producer spread keys as Kafka's Java clients do (librdkafka: partitioner=murmur2_random)",
        )
