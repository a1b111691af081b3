"""Which records stand where their keys belong, told by aiokafka's own way of placing them."""

from aiokafka.partitioner import murmur2


def is_placed(record, partition, partitions):
    """Whether Kafka's clients would have put the record here."""
    return (murmur2(record.key) & 0x7FFFFFFF) % partitions == partition


def sort_out(records, partition, partitions):
    """Those that are, and those that are not."""
    placed = [one for one in records if is_placed(one, partition, partitions)]
    return placed, [one for one in records if not is_placed(one, partition, partitions)]
